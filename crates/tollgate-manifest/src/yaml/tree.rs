//! Builds the tree of a document, within bounds.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Span, options};

use super::{
    merge::merged,
    node::{Node, Value},
};
use crate::{
    fault::ManifestFault,
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
}

/// Returns the tree of the only document of the text. Returns `None` if there is no document.
pub(crate) fn tree(source: &Source<'_>) -> Result<Option<Node>, ManifestFault> {
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
    };
    for event in Parser::new_from_str_with_options(source.text, options) {
        let (event, span) = event.map_err(|error| {
            let at = offset(source.text, error.marker());
            let place = Place {
                start: at,
                end: at + 1,
            };
            source.fault(place, format!("this is not YAML: {}", error.kind()))
        })?;
        builder.take(event, place(source.text, &span))?;
    }
    Ok(builder.root)
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), ManifestFault> {
        let tag = match &event {
            Event::Scalar(_, _, _, tag)
            | Event::SequenceStart(_, _, tag)
            | Event::MappingStart(_, _, tag) => tag.as_ref(),
            _ => None,
        };
        if let Some(tag) = tag {
            let problem = format!("tags such as {} are not allowed: remove it", tag.original());
            return Err(self.fault(place, problem));
        }
        match event {
            Event::DocumentStart(..) if self.root.is_some() => Err(self.fault(
                place,
                "a manifest is one document: remove what follows".into(),
            )),
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
            Open::Map(pairs, _) => Value::Map(merged(pairs).map_err(|wrong| {
                self.fault(
                    wrong.place,
                    "`<<` takes a mapping, or a list of mappings".into(),
                )
            })?),
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
