//! What operators see: pure views of plain values.

pub mod console;
