//! The rules of the map: arrows point down, documents name what exists, samples parse.

#[cfg(test)]
mod crates;
#[cfg(test)]
mod documents;
