//! The workflows of the control plane held against the requirements: each rule as a row, and random histories in which
//! no grant may come to life without the decisions that the regulation asks for.

#[cfg(test)]
mod applications;
#[cfg(test)]
mod disputes;
#[cfg(test)]
mod entries;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod not_shared;
#[cfg(test)]
mod random;
#[cfg(test)]
mod world;
