//! Bindings against providers on real sockets: friendly, peculiar, slow and hostile.

#[cfg(test)]
mod docking;
#[cfg(test)]
mod framing;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod instances;
#[cfg(test)]
mod mutual;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod proof;
#[cfg(test)]
mod provider;
#[cfg(test)]
mod resilience;
#[cfg(test)]
mod world;
