//! What this process inherited, and what it lets go of. The one file with `unsafe`.

#![allow(unsafe_code)]

use rustix::mm::{Advice, madvise};
use std::fs;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// Makes a descriptor our own that systemd has left to this process.
///
/// The caller has seen that `LISTEN_PID` names this process, and calls this once per descriptor,
/// before anything else takes over descriptors by number.
pub fn adopt(descriptor: RawFd) -> OwnedFd {
    // SAFETY: LISTEN_PID names this process, so systemd has left the descriptors from 3 on to it
    // and nobody else owns them (sd_listen_fds(3)).
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

/// Lets go of the pages of the program that only the start needed: reading the configuration takes
/// half of it. What is needed again comes back from the file, or from the system's cache of it.
pub fn release_program_pages() {
    let Ok(mappings) = fs::read_to_string("/proc/self/smaps") else {
        return;
    };
    for (start, bytes) in program_pages(&mappings) {
        // SAFETY: these are private read-only mappings of files in which no page has ever been
        // written to, not even by the loader: the kernel counts no anonymous page in them. Dropping
        // such a page is invisible, since the next access reads it from the file exactly as the
        // first one did (madvise(2), MADV_DONTNEED).
        let _ = unsafe { madvise(start as *mut _, bytes, Advice::LinuxDontNeed) };
    }
}

/// Start and length of every read-only private mapping of a file that is as it is in the file. Each
/// begins with a line `00200000-00246000 r-xp 00000000 fe:00 1234 /usr/bin/slimcp`, and lines like
/// `Anonymous: 0 kB` follow (proc_pid_smaps(5)).
fn program_pages(mappings: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut current = None;
    for line in mappings.lines() {
        match line.split_once(':').filter(|(name, _)| !name.contains(' ')) {
            Some(("Anonymous", value)) if value.trim() == "0 kB" => found.extend(current.take()),
            Some(_) => {}
            None => current = read_only_file(line),
        }
    }
    found
}

/// Start and length of a mapping, if it is a read-only private one of a file.
fn read_only_file(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_ascii_whitespace();
    let (range, permissions) = (fields.next()?, fields.next()?);
    let path = fields.nth(3)?;
    if !matches!(permissions, "r--p" | "r-xp") || !path.starts_with('/') {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    let start = usize::from_str_radix(start, 16).ok()?;
    Some((start, usize::from_str_radix(end, 16).ok()? - start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unwritten_read_only_mappings_of_files_are_let_go() {
        let mapping = |head: &str, anonymous: u32| {
            format!("{head}\nSize: 4 kB\nAnonymous:      {anonymous} kB\nVmFlags: rd mr\n")
        };
        let text = [
            mapping(
                "00200000-00246000 r-xp 00000000 fe:00 1234         /usr/bin/slimcp",
                0,
            ),
            mapping(
                "00300000-00301000 r--p 00000000 fe:00 1234         /usr/bin/slimcp",
                0,
            ),
            mapping(
                "00301000-00302000 r--p 00000000 fe:00 1234         /usr/bin/slimcp",
                4,
            ),
            mapping(
                "002e1000-002e2000 rw-p 000e0000 fe:00 1234         /usr/bin/slimcp",
                0,
            ),
            mapping(
                "18532000-18533000 r--p 00000000 00:00 0            [heap]",
                0,
            ),
            mapping("7fab0f72c000-7fab0f730000 r--p 00000000 00:00 0 ", 0),
            mapping(
                "7ffdf0ca1000-7ffdf0cc2000 r-xp 00000000 00:00 0    [vdso]",
                0,
            ),
        ];
        let found = program_pages(&text.concat());
        assert_eq!(found, [(0x20_0000, 0x4_6000), (0x30_0000, 0x1000)]);
    }

    #[test]
    fn the_program_goes_on_without_its_pages() {
        release_program_pages();
        assert_eq!(format!("{:?}", Some(1.5)), "Some(1.5)");
    }
}
