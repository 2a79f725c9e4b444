//! What the contract promises: reading answers, filling templates, judging bindings.

#[cfg(test)]
mod bindings;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod receiving;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod xml;
