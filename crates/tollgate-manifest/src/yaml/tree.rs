//! Builds the tree of a document, within bounds.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Span, options};

use super::{
    merge::merged,
    node::{Node, Value},
};
use crate::{
    fault::{MOST_FAULTS, ManifestFault},
    source::{Place, Source},
};

/// The number of nodes of a document, with every alias replaced by what it stands for. A few lines
/// of aliases of aliases would stand for billions.
const MOST_NODES: usize = 2_000_000;

/// The number of collections in collections. A manifest needs nine.
const MOST_DEPTH: usize = 32;

/// A collection whose end has not come yet.
enum Open {
    List(Vec<Node>),
    /// The pairs, and the key whose value has not come yet.
    Map(Vec<(Node, Node)>, Option<Node>),
}

/// The collections that are open, and the nodes that have anchors.
struct Builder<'a> {
    source: &'a Source<'a>,
    /// The collections, the anchor of each, and the byte at which it begins.
    open: Vec<(Open, usize, usize)>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
    /// The faults after which the rest can still be read.
    faults: Vec<ManifestFault>,
}

/// Returns the tree of the only document of the text, and its faults. The tree is `None` if there is
/// no document.
///
/// # Errors
/// All faults up to one after which nothing can be read.
pub(crate) fn tree(
    source: &Source<'_>,
) -> Result<(Option<Node>, Vec<ManifestFault>), Vec<ManifestFault>> {
    let options = options! {
        emit_comments: false,
        flow_nesting_limit: MOST_DEPTH,
        block_nesting_limit: MOST_DEPTH,
    };
    let mut builder = Builder {
        source,
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        root: None,
        faults: Vec::new(),
    };
    let read = builder.read(options);
    match read {
        Ok(()) => Ok((builder.root, builder.faults)),
        Err(last) => {
            builder.faults.push(last);
            Err(builder.faults)
        }
    }
}

impl Builder<'_> {
    fn read(&mut self, options: granit_parser::Options) -> Result<(), ManifestFault> {
        let source = self.source;
        for event in Parser::new_from_str_with_options(source.text, options) {
            let (event, span) = event.map_err(|error| {
                let at = offset(source.text, error.marker());
                let place = Place {
                    start: at,
                    end: at + 1,
                };
                source.fault(place, format!("this is not YAML: {}", error.kind()))
            })?;
            let place = place(source.text, &span);
            if matches!(event, Event::DocumentStart(..)) && self.root.is_some() {
                let problem = "a manifest is one document: remove what follows";
                self.add(place, problem.into());
                return Ok(());
            }
            self.take(event, place)?;
        }
        Ok(())
    }

    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), ManifestFault> {
        let tag = match &event {
            Event::Scalar(_, _, _, tag)
            | Event::SequenceStart(_, _, tag)
            | Event::MappingStart(_, _, tag) => tag.as_ref(),
            _ => None,
        };
        if let Some(tag) = tag {
            let tag = tag.original();
            let problem = format!("tags such as {tag} are not allowed: remove it");
            self.add(self.place_of_tag(&tag, place), problem);
        }
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let is_plain = style == ScalarStyle::Plain;
                let text = text.into_owned();
                let value = Value::Scalar { text, is_plain };
                self.count(1, place)?;
                self.complete(Node { place, value }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                let list = Open::List(Vec::new());
                self.begin(list, anchor, place)
            }
            Event::MappingStart(_, anchor, _) => {
                let map = Open::Map(Vec::new(), None);
                self.begin(map, anchor, place)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(place),
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => {
                    let node = node.clone().moved(place);
                    self.count(node.size(), place)?;
                    self.complete(node, 0)
                }
                None => Err(self.fault(place, "this alias stands for itself".into())),
            },
            _ => Ok(()),
        }
    }

    fn begin(&mut self, open: Open, anchor: usize, place: Place) -> Result<(), ManifestFault> {
        if self.open.len() >= MOST_DEPTH {
            return Err(self.fault(
                place,
                format!("more than {MOST_DEPTH} collections in each other"),
            ));
        }
        self.open.push((open, anchor, place.start));
        self.count(1, place)
    }

    fn end(&mut self, place: Place) -> Result<(), ManifestFault> {
        let Some((open, anchor, start)) = self.open.pop() else {
            return Ok(());
        };
        let value = match open {
            Open::List(items) => Value::List(items),
            Open::Map(pairs, _) => {
                let (pairs, faults) = merged(pairs);
                for (place, problem) in faults {
                    self.add(place, problem);
                }
                Value::Map(pairs)
            }
        };
        // The end of a block is found behind it.
        let place = Place {
            start,
            end: place.end.max(start),
        };
        self.complete(Node { place, value }, anchor)
    }

    /// Adds a node to the collection that is open.
    fn complete(&mut self, node: Node, anchor: usize) -> Result<(), ManifestFault> {
        if anchor > 0 {
            self.count(node.size(), node.place)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some((Open::List(items), ..)) => items.push(node),
            Some((Open::Map(pairs, key), ..)) => match key.take() {
                Some(key) => pairs.push((key, node)),
                None => *key = Some(node),
            },
        }
        Ok(())
    }

    fn count(&mut self, nodes: usize, place: Place) -> Result<(), ManifestFault> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= MOST_NODES {
            return Ok(());
        }
        let problem =
            format!("more than {MOST_NODES} values: split the file, or use fewer aliases");
        Err(self.fault(place, problem))
    }

    /// Returns the place of a tag, which is before its value.
    fn place_of_tag(&self, tag: &str, value: Place) -> Place {
        let before = self.source.text.get(..value.start).unwrap_or_default();
        before.rfind(tag).map_or(value, |start| Place {
            start,
            end: start + tag.len(),
        })
    }

    /// Adds a fault after which the rest can still be read.
    fn add(&mut self, place: Place, message: String) {
        if self.faults.len() < MOST_FAULTS {
            let fault = self.fault(place, message);
            self.faults.push(fault);
        }
    }

    fn fault(&self, place: Place, message: String) -> ManifestFault {
        self.source.fault(place, message)
    }
}

fn place(text: &str, span: &Span) -> Place {
    let (start, end) = (offset(text, &span.start), offset(text, &span.end));
    Place {
        start,
        end: end.max(start),
    }
}

/// Returns the byte of a position.
fn offset(text: &str, at: &granit_parser::Marker) -> usize {
    at.byte_offset().unwrap_or_else(|| {
        let mut letters = text.char_indices();
        letters.nth(at.index()).map_or(text.len(), |(byte, _)| byte)
    })
}
