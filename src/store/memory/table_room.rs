//! Room for the holes (tombstones) that removed entries leave in a hash table.
//!
//! A slot that was in use cannot always be reused: probes for other keys must continue behind it.
//! Such holes use up the room of a table, and a table without room doubles if more than half of it
//! is in use. In a full store every new entry replaces another one, so the holes would double its
//! memory permanently.

use hashbrown::HashTable;

/// Returns the room of a table for at most `most` entries. An eighth of the room is for holes. So
/// the table is rebuilt only after insertions of at least an eighth of its entries, and the cost of
/// a rebuild is spread over these insertions.
pub(super) fn room(most: usize) -> usize {
    most.saturating_add(most / 8).saturating_add(1)
}

/// Makes room for one more entry in a table of at most `most` entries, without growing it further.
pub(super) fn make_room<T>(table: &mut HashTable<T>, most: usize, hash: impl Fn(&T) -> u64) {
    if table.len() >= table.capacity() {
        fill_anew(table, most, hash);
    }
}

/// Rebuilds a table of at most `most` entries, without holes.
pub(super) fn fill_anew<T>(table: &mut HashTable<T>, most: usize, hash: impl Fn(&T) -> u64) {
    let full = std::mem::replace(table, HashTable::with_capacity(room(most)));
    for entry in full {
        table.insert_unique(hash(&entry), entry, &hash);
    }
}
