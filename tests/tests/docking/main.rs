//! Servers that were not written for the exchange are docked by their bindings alone, behind a running
//! `sluice serve`: no line of code knows them.

#[cfg(test)]
mod city;
#[cfg(test)]
mod datasette;
#[cfg(test)]
mod json_server;
