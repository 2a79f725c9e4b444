//! How a command ends when it does not end well: a sentence on standard error and an exit code.

use std::fmt::{self, Display};
use std::io::{self, Write as _};
use std::process::ExitCode;

use sluice_certs::CertsError;
use sluice_config::Faults;

/// Exit code of a command that failed while it ran.
pub(crate) const FAILED: u8 = 1;
/// Exit code of an invalid configuration (`EX_CONFIG` of sysexits.h).
pub(crate) const CONFIGURATION: u8 = 78;

/// Why a command did not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The configuration is not valid.
    Configuration(Faults),
    /// The same, found by a running gateway.
    Files(anyhow::Error),
    /// Anything else.
    Failed(anyhow::Error),
}

/// What a command ends with.
pub(crate) type Outcome = Result<ExitCode, Failure>;

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self::Configuration(faults)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<CertsError> for Failure {
    fn from(error: CertsError) -> Self {
        Self::Failed(error.into())
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(faults) => faults.fmt(f),
            Self::Files(error) | Self::Failed(error) => write!(f, "{error:#}"),
        }
    }
}

impl Failure {
    /// Tells a person, and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::Configuration(faults) => {
                tell(&faults);
                ExitCode::from(CONFIGURATION)
            }
            Self::Files(error) => {
                tell(&format_args!("sluice: {error:#}"));
                ExitCode::from(CONFIGURATION)
            }
            // The reader of our output has closed it, as `head` does: nobody is left to tell.
            Self::Failed(error) if is_closed_output(&error) => ExitCode::SUCCESS,
            Self::Failed(error) => {
                tell(&format_args!("sluice: {error:#}"));
                ExitCode::from(FAILED)
            }
        }
    }
}

fn tell(sentence: &impl Display) {
    // Where nobody listens, the exit code still tells.
    let _ = writeln!(io::stderr(), "{sentence}");
}

fn is_closed_output(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
