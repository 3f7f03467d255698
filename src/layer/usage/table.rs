//! The answers that can be read: a row for each provider's API.

/// A number that an answer reports, with a slot of its own.
///
/// The first four fields are sums over the elements of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    IterationInput,
    IterationCacheCreation,
    IterationCacheRead,
    IterationOutput,
    /// The input tokens, including cache reads.
    Prompt,
    /// The input tokens, without [`CacheCreation`](Self::CacheCreation) and
    /// [`CacheRead`](Self::CacheRead).
    Input,
    /// The input tokens that were read from a cache, as a part of [`Prompt`](Self::Prompt) or
    /// [`Input`](Self::Input).
    Cached,
    CacheCreation,
    CacheRead,
    /// The input tokens that tools have added, not included in [`Prompt`](Self::Prompt).
    Tools,
    Output,
    /// The output tokens that a message begins with. More will come.
    FirstOutput,
    /// The output tokens of the model's reasoning, not included in [`Output`](Self::Output).
    Thoughts,
    Total,
    /// The input tokens that are billed. These tokens count if the answer has no other number.
    BilledInput,
    /// The output tokens that are billed. These tokens count if the answer has no other number.
    BilledOutput,
}

/// The number of slots for [`Field`]s.
pub(super) const SLOTS: usize = 16;
/// The number of slots, from the first one on, that are sums.
pub(super) const SUMS: usize = 4;

const _: () = assert!(
    Field::BilledOutput as usize + 1 == SLOTS && Field::IterationOutput as usize + 1 == SUMS
);

/// The answers of one API.
#[derive(Debug)]
pub(super) struct ApiRow {
    /// The name of the API, for the guide.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the guide's table is checked against it")
    )]
    pub(super) api: &'static str,
    /// The places of the usage in an answer, or in a piece of a stream: JSON pointers, with `*` for
    /// each element of a list.
    pub(super) places: &'static [&'static str],
    /// The numbers at these places, by pointers that begin there.
    pub(super) fields: &'static [(Field, &'static str)],
}

impl ApiRow {
    /// Returns the parts of the pointer to each field.
    pub(super) fn pointers(&self) -> impl Iterator<Item = (Field, Vec<&'static str>)> {
        let parts = |pointer: &'static str| pointer.split('/').filter(|part| !part.is_empty());
        self.places.iter().flat_map(move |place| {
            self.fields
                .iter()
                .map(move |(field, pointer)| (*field, parts(place).chain(parts(pointer)).collect()))
        })
    }
}

/// All answers that can be read. The table in `docs/guide/streaming.md` is the same: a test
/// compares them.
pub(super) const TABLE: &[ApiRow] = &[
    ApiRow {
        api: "OpenAI chat completions, embeddings; Azure OpenAI",
        places: &["/usage"],
        fields: CHAT,
    },
    ApiRow {
        api: "OpenAI responses",
        places: &["/usage", "/response/usage"],
        fields: &[
            (Field::Input, "/input_tokens"),
            (Field::Cached, "/input_tokens_details/cached_tokens"),
            (Field::Output, "/output_tokens"),
            (Field::Total, "/total_tokens"),
        ],
    },
    ApiRow {
        api: "Anthropic messages",
        places: &["/usage"],
        fields: MESSAGES,
    },
    ApiRow {
        api: "Anthropic messages, the start of a stream",
        places: &["/message/usage"],
        fields: &[
            (Field::Input, "/input_tokens"),
            (Field::CacheCreation, "/cache_creation_input_tokens"),
            (Field::CacheRead, "/cache_read_input_tokens"),
            (Field::FirstOutput, "/output_tokens"),
        ],
    },
    ApiRow {
        api: "Gemini",
        places: &["/usageMetadata", "/*/usageMetadata"],
        fields: &[
            (Field::Prompt, "/promptTokenCount"),
            (Field::Tools, "/toolUsePromptTokenCount"),
            (Field::Cached, "/cachedContentTokenCount"),
            (Field::Output, "/candidatesTokenCount"),
            (Field::Thoughts, "/thoughtsTokenCount"),
            (Field::Total, "/totalTokenCount"),
        ],
    },
    ApiRow {
        api: "Gemini interactions",
        places: &["/usage", "/interaction/usage"],
        fields: &[
            (Field::Prompt, "/total_input_tokens"),
            (Field::Tools, "/total_tool_use_tokens"),
            (Field::Cached, "/total_cached_tokens"),
            (Field::Output, "/total_output_tokens"),
            (Field::Thoughts, "/total_thought_tokens"),
            (Field::Total, "/total_tokens"),
        ],
    },
    ApiRow {
        api: "Bedrock Converse",
        places: &["/usage"],
        fields: &[
            (Field::Input, "/inputTokens"),
            (Field::CacheCreation, "/cacheWriteInputTokens"),
            (Field::CacheRead, "/cacheReadInputTokens"),
            (Field::Output, "/outputTokens"),
            (Field::Total, "/totalTokens"),
        ],
    },
    ApiRow {
        api: "Bedrock InvokeModel of Nova",
        places: &["/usage"],
        fields: &[
            (Field::Input, "/inputTokens"),
            (Field::CacheCreation, "/cacheWriteInputTokenCount"),
            (Field::CacheRead, "/cacheReadInputTokenCount"),
            (Field::Output, "/outputTokens"),
            (Field::Total, "/totalTokens"),
        ],
    },
    ApiRow {
        api: "Cohere v2",
        places: &["/usage", "/delta/usage"],
        fields: COHERE,
    },
    ApiRow {
        api: "Cohere v1, embed",
        places: &["/meta", "/response/meta"],
        fields: COHERE,
    },
    ApiRow {
        api: "Mistral",
        places: &["/usage"],
        fields: &[
            (Field::Prompt, "/prompt_tokens"),
            (Field::Tools, "/connector_tokens"),
            (Field::Cached, "/num_cached_tokens"),
            (Field::Cached, "/prompt_tokens_details/cached_tokens"),
            (Field::Output, "/completion_tokens"),
            (Field::Total, "/total_tokens"),
        ],
    },
    ApiRow {
        api: "Groq",
        places: &["/usage", "/x_groq/usage"],
        fields: CHAT,
    },
    ApiRow {
        api: "DeepSeek",
        places: &["/usage"],
        fields: &[
            (Field::Prompt, "/prompt_tokens"),
            (Field::Cached, "/prompt_cache_hit_tokens"),
            (Field::Output, "/completion_tokens"),
            (Field::Total, "/total_tokens"),
        ],
    },
    ApiRow {
        api: "xAI, vLLM",
        places: &["/usage"],
        fields: CHAT,
    },
    ApiRow {
        api: "Ollama",
        places: &[""],
        fields: &[
            (Field::Prompt, "/prompt_eval_count"),
            (Field::Output, "/eval_count"),
        ],
    },
    ApiRow {
        api: "Voyage",
        places: &["/usage"],
        fields: &[(Field::Total, "/total_tokens")],
    },
];

const CHAT: &[(Field, &str)] = &[
    (Field::Prompt, "/prompt_tokens"),
    (Field::Cached, "/prompt_tokens_details/cached_tokens"),
    (Field::Output, "/completion_tokens"),
    (Field::Total, "/total_tokens"),
];

const MESSAGES: &[(Field, &str)] = &[
    (Field::Input, "/input_tokens"),
    (Field::CacheCreation, "/cache_creation_input_tokens"),
    (Field::CacheRead, "/cache_read_input_tokens"),
    (Field::Output, "/output_tokens"),
    (Field::IterationInput, "/iterations/*/input_tokens"),
    (
        Field::IterationCacheCreation,
        "/iterations/*/cache_creation_input_tokens",
    ),
    (
        Field::IterationCacheRead,
        "/iterations/*/cache_read_input_tokens",
    ),
    (Field::IterationOutput, "/iterations/*/output_tokens"),
];

const COHERE: &[(Field, &str)] = &[
    (Field::Prompt, "/tokens/input_tokens"),
    (Field::Cached, "/cached_tokens"),
    (Field::Output, "/tokens/output_tokens"),
    (Field::BilledInput, "/billed_units/input_tokens"),
    (Field::BilledOutput, "/billed_units/output_tokens"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Returns a cell of the guide's table, with these fields of a row.
    fn cell(row: &ApiRow, fields: &[Field], between: &str) -> Option<String> {
        let named = |wanted: &[Field]| {
            let fields = row
                .fields
                .iter()
                .filter(|(field, _)| wanted.contains(field));
            fields
                .map(|(_, pointer)| format!("`{}`", pointer.trim_start_matches('/')))
                .collect::<Vec<_>>()
        };
        let cell = named(fields).join(between);
        let (sum, billed) = match fields {
            [Field::Prompt, ..] => (Field::IterationInput, Field::BilledInput),
            [Field::Output, ..] => (Field::IterationOutput, Field::BilledOutput),
            _ => return Some(cell).filter(|cell| !cell.is_empty()),
        };
        let sum = if named(&[sum]).is_empty() {
            ""
        } else {
            ", at least the same over `iterations/*`"
        };
        let billed = named(&[billed])
            .iter()
            .map(|name| format!(", or else {name}"))
            .collect::<String>();
        Some(cell + sum + &billed).filter(|cell| !cell.is_empty())
    }

    /// Returns the table as the guide has it.
    fn markdown() -> String {
        use Field::*;
        let mut text =
            "| API | place | input | from a cache | output | total |\n|---|---|---|---|---|---|\n"
                .to_owned();
        for row in TABLE {
            let places: Vec<_> = row
                .places
                .iter()
                .map(|place| format!("`{place}`"))
                .collect();
            let place = places.join(", ").replace("``", "the top");
            let input = cell(
                row,
                &[Prompt, Input, Tools, CacheCreation, CacheRead],
                " + ",
            );
            let cached = cell(row, &[Cached, CacheRead], ", ");
            let output = cell(row, &[Output, FirstOutput, Thoughts], " + ");
            let total =
                cell(row, &[Total], "").or(input.as_ref().map(|_| "input + output".to_owned()));
            let cells = [input, cached, output, total].map(|cell| cell.unwrap_or("–".to_owned()));
            text += &format!("| {} | {place} | {} |\n", row.api, cells.join(" | "));
        }
        text
    }

    #[test]
    fn the_guide_has_this_table() {
        let guide = include_str!("../../../docs/guide/streaming.md");
        assert!(
            guide.contains(&markdown()),
            "docs/guide/streaming.md needs this table:\n\n{}",
            markdown()
        );
    }

    #[test]
    fn every_place_has_one_meaning() {
        let mut meanings = HashMap::new();
        for (field, pointer) in TABLE.iter().flat_map(ApiRow::pointers) {
            assert_eq!(
                *meanings.entry(pointer.join("/")).or_insert(field),
                field,
                "{pointer:?}"
            );
        }
        let sums = TABLE
            .iter()
            .flat_map(|row| row.fields)
            .filter(|(field, _)| (*field as usize) < SUMS);
        assert!(
            sums.into_iter()
                .all(|(_, pointer)| pointer.starts_with("/iterations/*/"))
        );
    }
}
