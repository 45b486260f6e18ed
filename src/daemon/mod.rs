//! The program around the library: arguments, configuration, log, start and stop.
