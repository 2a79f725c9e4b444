//! The binary as a process: what it prints, what it writes, how it ends.

#[cfg(test)]
mod commands;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod stand_in;
#[cfg(test)]
mod support;
