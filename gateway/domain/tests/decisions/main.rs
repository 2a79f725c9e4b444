//! Decisions held against the contract: the order of refusals, and an independent restatement of
//! who may see what over random exchanges.

#[cfg(test)]
mod build;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod order;
#[cfg(test)]
mod random;
#[cfg(test)]
mod world;
