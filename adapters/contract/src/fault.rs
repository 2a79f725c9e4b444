//! Why a provider gave no usable answer. Plain words of ours: a provider's text may name a citizen,
//! so no variant can carry any.

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProviderFault {
    /// No connection, or the provider says itself that it does not serve now (429, 502, 503, 504).
    #[error("the provider cannot be reached")]
    Unreachable,
    /// No whole answer in time.
    #[error("the provider did not answer in time")]
    Timeout,
    /// An answer that cannot be proven clean.
    #[error("the provider's answer was refused: {0}")]
    BadAnswer(BadAnswer),
    /// The provider failed repeatedly and is left alone for a while.
    #[error("the provider failed repeatedly and is left alone for {retry_after_s} s")]
    CircuitOpen {
        /// Whole seconds until a call may be tried, at least 1.
        retry_after_s: u32,
    },
    /// The provider announced that it does not serve now.
    #[error("a planned outage of the provider ends in {retry_after_s} s")]
    PlannedOutage {
        /// Whole seconds until it serves again, at least 1.
        retry_after_s: u32,
    },
    /// The caller's own body broke off while it was passed on; the provider is not to blame.
    #[error("the caller's body broke off")]
    Interrupted,
    /// As many calls as the provider allows are under way and enough are waiting, or it says so itself.
    #[error("the provider's concurrency limit is reached")]
    Busy {
        /// Whole seconds until it is worth trying again, at least 1.
        retry_after_s: u32,
    },
}

/// What was wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BadAnswer {
    /// A status other than the declared ones.
    #[error("unexpected HTTP status")]
    Status,
    /// A redirect; never followed.
    #[error("redirect")]
    Redirect,
    /// Not declared as the binding says, in its character encoding.
    #[error("content type other than declared")]
    ContentType,
    /// Compressed or otherwise encoded, or a part of a whole.
    #[error("encoded or partial body")]
    ContentEncoding,
    /// Framing broke before the end of the answer.
    #[error("answer cut off or badly framed")]
    Broken,
    /// Longer than the binding allows.
    #[error("body too large")]
    TooLarge,
    /// Bytes that are not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Bytes that are not of the declared character encoding.
    #[error("not of the declared character encoding")]
    Charset,
    /// Not one XML document without document type, or one that names another character encoding.
    #[error("not plain XML")]
    NotXml,
    /// Not one JSON document.
    #[error("not JSON")]
    NotJson,
    /// A second document or other bytes after the first.
    #[error("bytes after the JSON document")]
    Trailing,
    /// Nested deeper than [`crate::answer::DEPTH_MAX`].
    #[error("nested too deeply")]
    TooDeep,
    /// A member that is read stands twice in its object.
    #[error("duplicate member")]
    DuplicateMember,
    /// The success condition does not hold.
    #[error("the declared success condition does not hold")]
    NotSuccess,
    /// Says "not found" and gives records.
    #[error("not found, yet there are records")]
    Contradictory,
    /// No records where they were declared.
    #[error("no records at the declared place")]
    RecordsMissing,
    /// Something else than records where they were declared.
    #[error("the declared place holds no records")]
    RecordsForm,
    /// More records than [`crate::answer::RECORDS_MAX`] or than were asked for.
    #[error("too many records")]
    TooManyRecords,
    /// A wanted item is not in a record.
    #[error("an item is missing")]
    ItemMissing,
    /// An object or array where an item's value was expected.
    #[error("an item is not a scalar")]
    NotScalar,
    /// Text that cannot be decoded, such as half of a surrogate pair.
    #[error("an item's text cannot be decoded")]
    NotText,
    /// A value that the declared code map does not know.
    #[error("unknown code")]
    UnknownCode,
    /// A value that is not written as the binding declares.
    #[error("an item is not of the declared format")]
    Format,
    /// The next page lies elsewhere, or is named in no valid form.
    #[error("the next page is not named safely")]
    Next,
    /// A wrong type, judged by the exchange from the catalogue.
    #[error("an item has a wrong type")]
    ItemType,
    /// A record that does not satisfy the question, judged by the exchange.
    #[error("a record that was not asked for")]
    NotAskedFor,
    /// A person is not where the operation declares one.
    #[error("no person at a declared place")]
    SubjectMissing,
    /// A sealed file that is not what its digest says, or whose declared digest is missing.
    #[error("the content does not match its digest")]
    Digest,
    /// A date of the data that is no date or time.
    #[error("the date of the data has no valid form")]
    AsOf,
    /// The question cannot be put to this provider: no such operation, or a key that cannot stand
    /// safely in its path.
    #[error("the question cannot be put to this provider")]
    NotAskable,
}

impl From<BadAnswer> for ProviderFault {
    fn from(bad: BadAnswer) -> Self {
        Self::BadAnswer(bad)
    }
}
