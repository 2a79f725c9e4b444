//! Black-box stories: the real binary over real sockets and TLS.

#[cfg(test)]
mod blamed;
#[cfg(test)]
mod called;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod catalogue_calls;
#[cfg(test)]
mod catalogue_files;
#[cfg(test)]
mod catalogue_reading;
#[cfg(test)]
mod churning;
#[cfg(test)]
mod codes;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod demonstration;
#[cfg(test)]
mod disk_faults;
#[cfg(test)]
mod draining;
#[cfg(test)]
mod files;
#[cfg(test)]
mod floods;
#[cfg(test)]
mod framing;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod interoperability;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod masking;
#[cfg(test)]
mod order;
#[cfg(test)]
mod outsiders;
#[cfg(test)]
mod overload;
#[cfg(test)]
mod privacy;
#[cfg(test)]
mod problem;
#[cfg(test)]
mod providers;
#[cfg(test)]
mod query;
#[cfg(test)]
mod receipts;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod reload_keys;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod sending;
#[cfg(test)]
mod slowness;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod subject_keys;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod turns;
#[cfg(test)]
mod verify;
#[cfg(test)]
mod witnesses;
