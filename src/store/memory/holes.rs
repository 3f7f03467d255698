//! What entries leave behind that were removed from a hash table.
//!
//! A slot that was in use is not as good as a new one: whoever looks for another key must go on behind it.
//! Such holes use up a table's room, and a table without room is doubled where more than half of it is in use.
//! One that forgets an entry for each that comes would pay for its holes with twice its memory, for good.

use hashbrown::HashTable;

/// The room of a table of at most so many entries: holes have an eighth of it. So each entry of a table that is
/// filled anew is paid for by an eighth of an insertion at least.
pub(super) fn room(most: usize) -> usize {
    most.saturating_add(most / 8).saturating_add(1)
}

/// Makes room for one more entry in a table of at most `most`, which stays as large as these need.
pub(super) fn make_room<T>(table: &mut HashTable<T>, most: usize, hash: impl Fn(&T) -> u64) {
    if table.len() >= table.capacity() {
        fill_anew(table, most, hash);
    }
}

/// Fills a table of at most `most` entries anew, without holes.
pub(super) fn fill_anew<T>(table: &mut HashTable<T>, most: usize, hash: impl Fn(&T) -> u64) {
    let full = std::mem::replace(table, HashTable::with_capacity(room(most)));
    for entry in full {
        table.insert_unique(hash(&entry), entry, &hash);
    }
}
