//! Numbers for the model tests: the same ones for the same seed.

/// Marsaglia's xorshift64.
pub struct Random(u64);

impl Random {
    /// Any seed will do; zero, the one state xorshift cannot leave, is moved away.
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number from 0 to `limit - 1`.
    pub fn below(&mut self, limit: usize) -> usize {
        ((self.bits() >> 16) % limit as u64) as usize
    }
}
