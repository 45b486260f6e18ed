//! The index on disk, whatever happens to it: an end at any moment, a file that is damaged, a disk
//! that is full.

mod damage;
mod ends;
mod memory;
mod tree;
