//! The system's randomness, for serial numbers and names of files in the making.

use crate::error::{CertsError, Result};

pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| CertsError::Random)?;
    Ok(bytes)
}
