//! Faults without end: what is left after them is what was there before.
