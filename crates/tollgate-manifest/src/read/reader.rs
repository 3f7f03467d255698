//! Collects the faults of a document.

use crate::{
    fault::{MOST_FAULTS, ManifestFault},
    source::{Place, Source},
};

/// The text, and its faults.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) faults: Vec<ManifestFault>,
}

impl Reader<'_> {
    /// Adds a fault.
    pub(super) fn fault(&mut self, place: Place, message: impl Into<String>) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(self.source.fault(place, message.into()));
        }
    }
}
