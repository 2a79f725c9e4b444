//! The configuration as an administrator meets it: files in, a correct configuration or faults out.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod catalogues;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod files;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod production;
#[cfg(test)]
mod random;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod site;
