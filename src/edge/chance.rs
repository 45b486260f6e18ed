//! Chance, as the kernel draws it.

use rustix::io::retry_on_intr;
use rustix::rand::{GetRandomFlags, getrandom};

/// This many bytes that nobody can guess. Early in the start of a machine it waits until the kernel
/// has them.
///
/// # Panics
///
/// When the kernel has no such call; Linux has it since 3.17.
pub fn random(bytes: usize) -> Vec<u8> {
    let mut drawn = vec![0; bytes];
    let mut filled = 0;
    while filled < bytes {
        let rest = &mut drawn[filled..];
        let more = retry_on_intr(|| getrandom(&mut *rest, GetRandomFlags::empty()));
        filled += more.expect("Linux draws random bytes since 3.17");
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_bytes_come_as_are_asked_for_and_never_the_same() {
        for bytes in [0, 1, 32, 4096] {
            assert_eq!(random(bytes).len(), bytes);
        }
        assert_ne!(random(32), random(32));
        assert!(random(4096)[4000..].iter().any(|byte| *byte != 0));
    }
}
