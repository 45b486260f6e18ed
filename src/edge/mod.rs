//! Where sockets, processes, files and clocks live. Everything else is a pure function.
