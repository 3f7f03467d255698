//! Answers as in the providers' documentation.

/// The answer of a provider, and the usage that it reports.
pub(super) struct Answer {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) body: Vec<u8>,
    /// Total, input, input without cache reads, and output.
    pub(super) used: [Option<u64>; 4],
}

/// A placeholder for the model's text, inside a JSON string.
const SAID: &str = "SAID";

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";
const LINES: &str = "application/x-ndjson";
const MESSAGES: &str = "application/vnd.amazon.eventstream";

/// Returns every answer, with `said` as the model's text.
pub(super) fn answers(said: &str) -> Vec<Answer> {
    let said = serde_json::to_string(said).unwrap();
    let said = said
        .strip_prefix('"')
        .and_then(|said| said.strip_suffix('"'))
        .unwrap();
    let filled = |text: &str| text.replace(SAID, said).into_bytes();
    let text = |name, kind, body: &str, used: [u64; 4]| Answer {
        name,
        kind,
        body: filled(body),
        used: used.map(Some),
    };
    let input_only = |name, body: &str, [total, input, fresh]: [Option<u64>; 3]| Answer {
        name,
        kind: JSON,
        body: filled(body),
        used: [total, input, fresh, None],
    };
    let converse = converse_stream()
        .iter()
        .flat_map(|(event, payload)| message(event, &filled(payload)))
        .collect();
    vec![
        text("OpenAI chat", JSON, CHAT, [10_300, 10_000, 2_000, 300]),
        text(
            "OpenAI chat",
            EVENTS,
            CHAT_STREAM,
            [10_300, 10_000, 2_000, 300],
        ),
        text("OpenAI responses", JSON, RESPONSE, [1_240, 1_200, 176, 40]),
        text(
            "OpenAI responses",
            EVENTS,
            RESPONSE_STREAM,
            [1_240, 1_200, 176, 40],
        ),
        input_only("OpenAI embeddings", EMBEDDINGS, [Some(8), Some(8), Some(8)]),
        text("Azure OpenAI", JSON, AZURE, [67, 57, 57, 10]),
        text("Azure OpenAI", EVENTS, AZURE_STREAM, [67, 57, 57, 10]),
        text("Anthropic", JSON, MESSAGE, [1_627, 1_120, 120, 507]),
        text(
            "Anthropic",
            EVENTS,
            MESSAGE_STREAM,
            [1_627, 1_120, 120, 507],
        ),
        text(
            "Anthropic, compacted",
            JSON,
            COMPACTED,
            [64_338, 60_997, 60_997, 3_341],
        ),
        text(
            "Anthropic, compacted",
            EVENTS,
            COMPACTED_STREAM,
            [64_338, 60_997, 60_997, 3_341],
        ),
        text("Gemini", JSON, GEMINI, [1_470, 1_240, 240, 230]),
        text("Gemini", EVENTS, GEMINI_STREAM, [1_470, 1_240, 240, 230]),
        text(
            "Gemini, as an array",
            JSON,
            GEMINI_ARRAY,
            [1_470, 1_240, 240, 230],
        ),
        text(
            "Gemini interactions",
            JSON,
            INTERACTION,
            [1_470, 1_240, 240, 230],
        ),
        text(
            "Gemini interactions",
            EVENTS,
            INTERACTION_STREAM,
            [1_470, 1_240, 240, 230],
        ),
        text("Bedrock Converse", JSON, CONVERSE, [1_253, 1_203, 203, 50]),
        Answer {
            name: "Bedrock Converse",
            kind: MESSAGES,
            body: converse,
            used: [1_253, 1_203, 203, 50].map(Some),
        },
        text(
            "Bedrock InvokeModel of Nova",
            JSON,
            NOVA,
            [1_253, 1_203, 203, 50],
        ),
        text("Cohere v2", JSON, COHERE, [504, 466, 450, 38]),
        text("Cohere v2", EVENTS, COHERE_STREAM, [504, 466, 450, 38]),
        text("Cohere v1", JSON, COHERE_V1, [108, 68, 68, 40]),
        text(
            "Cohere v1",
            "application/stream+json",
            COHERE_V1_STREAM,
            [108, 68, 68, 40],
        ),
        input_only("Cohere embed", COHERE_EMBED, [Some(12), Some(12), Some(12)]),
        text("Mistral", JSON, MISTRAL, [72, 60, 28, 12]),
        text("Mistral", EVENTS, MISTRAL_STREAM, [72, 60, 28, 12]),
        text(
            "Mistral conversations",
            JSON,
            MISTRAL_CONVERSATION,
            [7_355, 7_300, 7_300, 55],
        ),
        text("Groq", JSON, GROQ, [280, 30, 10, 250]),
        text("Groq", EVENTS, GROQ_STREAM, [280, 30, 10, 250]),
        text("DeepSeek", JSON, DEEPSEEK, [530, 500, 52, 30]),
        text("DeepSeek", EVENTS, DEEPSEEK_STREAM, [530, 500, 52, 30]),
        text("xAI", JSON, XAI, [354, 12, 9, 342]),
        text("xAI", EVENTS, XAI_STREAM, [354, 12, 9, 342]),
        text(
            "xAI, cache reads beside the prompt",
            JSON,
            XAI_BESIDE,
            [8_492, 8_470, 4_142, 22],
        ),
        text("Ollama chat", JSON, OLLAMA, [324, 26, 26, 298]),
        text("Ollama chat", LINES, OLLAMA_STREAM, [324, 26, 26, 298]),
        text(
            "Ollama generate",
            LINES,
            OLLAMA_GENERATE,
            [324, 26, 26, 298],
        ),
        input_only("Ollama embed", OLLAMA_EMBED, [Some(8), Some(8), Some(8)]),
        text("vLLM", JSON, VLLM, [23, 16, 16, 7]),
        text("vLLM", EVENTS, VLLM_STREAM, [23, 16, 16, 7]),
        input_only("Voyage", VOYAGE, [Some(10), None, None]),
    ]
}

/// Returns a message of an Amazon event stream: its lengths, a header and its payload. The
/// checksums are not checked.
pub(super) fn message(event: &str, payload: &[u8]) -> Vec<u8> {
    let name = b":event-type";
    let mut headers = vec![name.len() as u8];
    headers.extend_from_slice(name);
    headers.push(7);
    headers.extend_from_slice(&(event.len() as u16).to_be_bytes());
    headers.extend_from_slice(event.as_bytes());
    let total = 12 + headers.len() + payload.len() + 4;
    let mut message = (total as u32).to_be_bytes().to_vec();
    message.extend_from_slice(&(headers.len() as u32).to_be_bytes());
    message.extend_from_slice(&[0x7b; 4]);
    message.extend_from_slice(&headers);
    message.extend_from_slice(payload);
    message.extend_from_slice(&[0x22; 4]);
    message
}

const CHAT: &str = r#"{"id":"c1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant",
"content":"SAID","tool_calls":[{"id":"t1","type":"function","function":{"name":"f","arguments":"SAID"}}]},
"usage":{"total_tokens":9},"finish_reason":"stop"}],"usage":{"prompt_tokens":10000,"completion_tokens":300,
"total_tokens":10300,"prompt_tokens_details":{"cached_tokens":8000,"audio_tokens":0},"completion_tokens_details":
{"reasoning_tokens":128,"audio_tokens":0}},"service_tier":"default"}"#;

const CHAT_STREAM: &str = r#"data: {"id":"c1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"usage":null}

data: {"id":"c1","choices":[{"index":0,"delta":{"content":"SAID"}}],"usage":null}

data: {"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"SAID"}}]}}],"usage":null}

data: {"id":"c1","choices":[],"usage":{"prompt_tokens":10000,"completion_tokens":300,"total_tokens":10300,"prompt_tokens_details":{"cached_tokens":8000}}}

data: [DONE]

"#;

const RESPONSE: &str = r#"{"id":"r1","object":"response","status":"completed","output":[{"type":"message","content":
[{"type":"output_text","text":"SAID"}]},{"type":"function_call","arguments":"SAID"}],"usage":{"input_tokens":1200,
"input_tokens_details":{"cached_tokens":1024,"cache_write_tokens":0},"output_tokens":40,"output_tokens_details":
{"reasoning_tokens":12},"total_tokens":1240},"metadata":{}}"#;

const RESPONSE_STREAM: &str = r#"event: response.created
data: {"type":"response.created","response":{"id":"r1","status":"in_progress","output":[],"usage":null}}

event: response.output_text.delta
data: {"type":"response.output_text.delta","item_id":"m1","delta":"SAID"}

event: response.function_call_arguments.done
data: {"type":"response.function_call_arguments.done","arguments":"SAID"}

event: response.completed
data: {"type":"response.completed","response":{"id":"r1","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"SAID"}]}],"usage":{"input_tokens":1200,"input_tokens_details":{"cached_tokens":1024},"output_tokens":40,"output_tokens_details":{"reasoning_tokens":12},"total_tokens":1240}}}

"#;

const EMBEDDINGS: &str = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[-0.0069,5.3e-05,1]}],
"model":"text-embedding-3-small","usage":{"prompt_tokens":8,"total_tokens":8}}"#;

const AZURE: &str = r#"{"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},"message":
{"content":"SAID","role":"assistant"}}],"prompt_filter_results":[{"prompt_index":0}],"usage":{"completion_tokens":10,
"prompt_tokens":57,"total_tokens":67}}"#;

const AZURE_STREAM: &str = r#"data: {"choices":[],"id":"","model":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}]}

data: {"choices":[{"delta":{"content":"SAID"},"index":0}],"usage":null}

data: {"choices":[],"usage":{"completion_tokens":10,"prompt_tokens":57,"total_tokens":67}}

data: [DONE]

"#;

const MESSAGE: &str = r#"{"id":"m1","type":"message","role":"assistant","content":[{"type":"text","text":"SAID"},
{"type":"tool_use","id":"t1","name":"f","input":{"usage":{"input_tokens":9,"output_tokens":9}}}],"stop_reason":
"tool_use","usage":{"input_tokens":20,"cache_creation_input_tokens":100,"cache_read_input_tokens":1000,
"cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":0},"output_tokens":507,
"output_tokens_details":{"thinking_tokens":200},"service_tier":"standard"}}"#;

const MESSAGE_STREAM: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"m1","content":[],"usage":{"input_tokens":20,"cache_creation_input_tokens":100,"cache_read_input_tokens":1000,"output_tokens":1}}}

event: ping
data: {"type": "ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"SAID"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"SAID"}}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":507}}

event: message_stop
data: {"type":"message_stop"}

"#;

const COMPACTED: &str = r#"{"id":"m1","type":"message","content":[{"type":"compaction","content":"SAID"},{"type":"text",
"text":"SAID"}],"usage":{"input_tokens":612,"output_tokens":2819,"iterations":[{"type":"compaction",
"input_tokens":60385,"output_tokens":522},{"type":"message","input_tokens":612,"output_tokens":2819}]}}"#;

const COMPACTED_STREAM: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"m1","content":[],"usage":{"input_tokens":60385,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"compaction_delta","content":"SAID"}}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":612,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":2819,"iterations":[{"type":"compaction","input_tokens":60385,"cache_read_input_tokens":0,"output_tokens":522},{"type":"message","input_tokens":612,"cache_read_input_tokens":0,"output_tokens":2819}]}}

event: message_stop
data: {"type":"message_stop"}

"#;

const GEMINI: &str = r#"{"candidates":[{"content":{"parts":[{"text":"SAID"},{"functionCall":{"name":"f","args":
{"usageMetadata":{"totalTokenCount":9}}}}],"role":"model"},"finishReason":"STOP"}],"usageMetadata":
{"promptTokenCount":1200,"cachedContentTokenCount":1000,"candidatesTokenCount":80,"totalTokenCount":1470,
"promptTokensDetails":[{"modality":"TEXT","tokenCount":1200}],"toolUsePromptTokenCount":40,"thoughtsTokenCount":150},
"modelVersion":"gemini-2.5-pro"}"#;

const GEMINI_STREAM: &str = r#"data: {"candidates":[{"content":{"parts":[{"text":"SAID"}],"role":"model"}}],"usageMetadata":{"promptTokenCount":1200,"cachedContentTokenCount":1000,"thoughtsTokenCount":150,"toolUsePromptTokenCount":40,"totalTokenCount":1390}}

data: {"candidates":[{"content":{"parts":[{"text":"SAID"}],"role":"model"},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1200,"cachedContentTokenCount":1000,"candidatesTokenCount":80,"thoughtsTokenCount":150,"toolUsePromptTokenCount":40,"totalTokenCount":1470}}

"#;

const GEMINI_ARRAY: &str = r#"[{"candidates":[{"content":{"parts":[{"text":"SAID"}],"role":"model"}}],"usageMetadata":
{"promptTokenCount":1200,"cachedContentTokenCount":1000,"toolUsePromptTokenCount":40,"totalTokenCount":1240}}
,
{"candidates":[{"content":{"parts":[{"text":"SAID"}]}}],"usageMetadata":{"promptTokenCount":1200,
"cachedContentTokenCount":1000,"candidatesTokenCount":80,"thoughtsTokenCount":150,"toolUsePromptTokenCount":40,
"totalTokenCount":1470}}
]"#;

const INTERACTION: &str = r#"{"id":"i1","status":"completed","outputs":[{"type":"text","text":"SAID"}],"usage":
{"total_tokens":1470,"total_input_tokens":1200,"total_cached_tokens":1000,"total_output_tokens":80,
"total_thought_tokens":150,"total_tool_use_tokens":40,"input_tokens_by_modality":[{"modality":"text","tokens":1200}]}}"#;

const INTERACTION_STREAM: &str = r#"data: {"event_type":"interaction.created","interaction":{"id":"i1","status":"in_progress"}}

data: {"event_type":"step.delta","index":0,"delta":{"type":"text","text":"SAID"}}

data: {"event_type":"interaction.completed","interaction":{"id":"i1","status":"completed","usage":{"total_tokens":1470,"total_input_tokens":1200,"total_cached_tokens":1000,"total_output_tokens":80,"total_thought_tokens":150,"total_tool_use_tokens":40}}}

data: [DONE]

"#;

const CONVERSE: &str = r#"{"metrics":{"latencyMs":1275},"output":{"message":{"content":[{"text":"SAID"},{"toolUse":
{"input":{"usage":{"totalTokens":9}}}}],"role":"assistant"}},"stopReason":"end_turn","usage":{"inputTokens":3,
"outputTokens":50,"totalTokens":1253,"cacheReadInputTokens":1000,"cacheWriteInputTokens":200,"cacheDetails":
[{"ttl":"5m","inputTokens":200}]}}"#;

const NOVA: &str = r#"{"output":{"message":{"content":[{"text":"SAID"}],"role":"assistant"}},"stopReason":"end_turn",
"usage":{"inputTokens":3,"outputTokens":50,"totalTokens":1253,"cacheReadInputTokenCount":1000,
"cacheWriteInputTokenCount":200}}"#;

fn converse_stream() -> [(&'static str, &'static str); 5] {
    [
        ("messageStart", r#"{"p":"abcd","role":"assistant"}"#),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":0,"delta":{"text":"SAID"},"p":"abcdefgh"}"#,
        ),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":1,"delta":{"toolUse":{"input":"SAID"}},"p":"abc"}"#,
        ),
        ("messageStop", r#"{"p":"abc","stopReason":"end_turn"}"#),
        (
            "metadata",
            r#"{"metrics":{"latencyMs":422},"p":"ab","usage":{"cacheReadInputTokens":1000,"cacheWriteInputTokens":200,"inputTokens":3,"outputTokens":50,"totalTokens":1253}}"#,
        ),
    ]
}

const COHERE: &str = r#"{"id":"h1","message":{"role":"assistant","content":[{"type":"text","text":"SAID"}],"tool_calls":
[{"function":{"arguments":"SAID"}}]},"finish_reason":"COMPLETE","usage":{"billed_units":{"input_tokens":5,
"output_tokens":36},"tokens":{"input_tokens":466,"output_tokens":38},"cached_tokens":16}}"#;

const COHERE_STREAM: &str = r#"event: message-start
data: {"type":"message-start","id":"h1","delta":{"message":{"role":"assistant","content":[]}}}

event: content-delta
data: {"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"SAID"}}}}

event: message-end
data: {"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"billed_units":{"input_tokens":5,"output_tokens":36},"tokens":{"input_tokens":466,"output_tokens":38},"cached_tokens":16}}}

data: [DONE]

"#;

const COHERE_V1: &str = r#"{"text":"SAID","generation_id":"g1","finish_reason":"COMPLETE","meta":{"api_version":
{"version":"1"},"billed_units":{"input_tokens":1,"output_tokens":40},"tokens":{"input_tokens":68,"output_tokens":40}}}"#;

const COHERE_V1_STREAM: &str = r#"{"is_finished":false,"event_type":"stream-start","generation_id":"g1"}
{"is_finished":false,"event_type":"text-generation","text":"SAID"}
{"is_finished":true,"event_type":"stream-end","response":{"text":"SAID","meta":{"api_version":{"version":"1"},"billed_units":{"input_tokens":1,"output_tokens":40},"tokens":{"input_tokens":68,"output_tokens":40}}},"finish_reason":"COMPLETE"}
"#;

const COHERE_EMBED: &str = r#"{"id":"e1","embeddings":{"float":[[0.016,-0.008]]},"texts":["SAID"],"meta":{"api_version":
{"version":"2"},"billed_units":{"input_tokens":12}}}"#;

const MISTRAL: &str = r#"{"id":"s1","object":"chat.completion","choices":[{"index":0,"message":{"content":"SAID"}}],
"usage":{"prompt_tokens":60,"total_tokens":72,"completion_tokens":12,"num_cached_tokens":32,"prompt_tokens_details":
{"cached_tokens":32}}}"#;

const MISTRAL_STREAM: &str = r#"data: {"id":"s1","choices":[{"index":0,"delta":{"content":"SAID"},"finish_reason":null}]}

data: {"id":"s1","choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":60,"total_tokens":72,"completion_tokens":12,"num_cached_tokens":32}}

data: [DONE]

"#;

const MISTRAL_CONVERSATION: &str = r#"{"conversation_id":"v1","object":"conversation.response","outputs":[{"type":
"message.output","content":"SAID"}],"usage":{"prompt_tokens":188,"completion_tokens":55,"total_tokens":7355,
"connector_tokens":7112,"connectors":{"web_search":1}}}"#;

const GROQ: &str = r#"{"id":"g1","choices":[{"index":0,"message":{"role":"assistant","content":"SAID"}}],"usage":
{"queue_time":0.037493756,"prompt_tokens":30,"prompt_time":0.000680594,"completion_tokens":250,"completion_time":
0.463333333,"total_tokens":280,"total_time":0.464013927,"prompt_tokens_details":{"cached_tokens":20}},
"x_groq":{"id":"req_1"}}"#;

const GROQ_STREAM: &str = r#"data: {"id":"g1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"x_groq":{"id":"req_1"}}

data: {"id":"g1","choices":[{"index":0,"delta":{"content":"SAID"}}]}

data: {"id":"g1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"req_1","usage":{"queue_time":0.02,"prompt_tokens":30,"prompt_time":0.01,"completion_tokens":250,"completion_time":0.5,"total_tokens":280,"total_time":0.51,"prompt_tokens_details":{"cached_tokens":20}}}}

data: [DONE]

"#;

const DEEPSEEK: &str = r#"{"id":"d1","choices":[{"index":0,"message":{"role":"assistant","content":"SAID",
"reasoning_content":"SAID"}}],"usage":{"prompt_tokens":500,"completion_tokens":30,"total_tokens":530,
"prompt_tokens_details":{"cached_tokens":448},"completion_tokens_details":{"reasoning_tokens":20},
"prompt_cache_hit_tokens":448,"prompt_cache_miss_tokens":52}}"#;

const DEEPSEEK_STREAM: &str = r#": keep-alive

data: {"id":"d1","choices":[{"index":0,"delta":{"content":"SAID"}}]}

data: {"id":"d1","choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":500,"completion_tokens":30,"total_tokens":530,"prompt_cache_hit_tokens":448,"prompt_cache_miss_tokens":52}}

data: [DONE]

"#;

const XAI: &str = r#"{"id":"x1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":
"SAID"}}],"usage":{"prompt_tokens":12,"completion_tokens":2,"total_tokens":354,"prompt_tokens_details":
{"text_tokens":12,"audio_tokens":0,"image_tokens":0,"cached_tokens":3},"completion_tokens_details":
{"reasoning_tokens":340,"audio_tokens":0},"num_sources_used":0}}"#;

const XAI_STREAM: &str = r#"data: {"id":"x1","choices":[{"index":0,"delta":{"reasoning_content":"SAID"}}],"usage":{"prompt_tokens":12,"completion_tokens":0,"total_tokens":112,"prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":100}}}

data: {"id":"x1","choices":[{"index":0,"delta":{"content":"SAID"}}],"usage":{"prompt_tokens":12,"completion_tokens":2,"total_tokens":354,"prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":340}}}

data: [DONE]

"#;

const XAI_BESIDE: &str = r#"{"choices":[{"message":{"content":"SAID"}}],"usage":{"prompt_tokens":4142,
"completion_tokens":22,"total_tokens":4164,"prompt_tokens_details":{"cached_tokens":4328}}}"#;

const OLLAMA: &str = r#"{"model":"llama3.2","created_at":"2023-12-12T14:13:43.416799Z","message":{"role":"assistant",
"content":"SAID","tool_calls":[{"function":{"name":"f","arguments":{"usage":{"total_tokens":9},"eval_count":9}}}]},
"done":true,"total_duration":5191566416,"load_duration":2154458,"prompt_eval_count":26,"prompt_eval_duration":383809000,
"eval_count":298,"eval_duration":4799921000}"#;

const OLLAMA_STREAM: &str = r#"{"model":"llama3.2","message":{"role":"assistant","content":"SAID"},"done":false}
{"model":"llama3.2","message":{"role":"assistant","content":"SAID"},"done":false}
{"model":"llama3.2","message":{"role":"assistant","content":""},"done":true,"total_duration":4883583458,"prompt_eval_count":26,"prompt_eval_duration":342546000,"eval_count":298,"eval_duration":4535599000}
"#;

const OLLAMA_GENERATE: &str = r#"{"model":"llama3.2","response":"SAID","done":false}
{"model":"llama3.2","response":"","done":true,"context":[1,2,3],"prompt_eval_count":26,"eval_count":298}
"#;

const OLLAMA_EMBED: &str = r#"{"model":"all-minilm","embeddings":[[0.01,-0.001]],"total_duration":14143917,
"load_duration":1019500,"prompt_eval_count":8}"#;

const VLLM: &str = r#"{"id":"v1","choices":[{"index":0,"message":{"role":"assistant","content":"SAID"}}],"usage":
{"prompt_tokens":16,"total_tokens":23,"completion_tokens":7,"prompt_tokens_details":null},"prompt_logprobs":null}"#;

const VLLM_STREAM: &str = r#"data: {"id":"v1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"usage":{"prompt_tokens":16,"total_tokens":16,"completion_tokens":0}}

data: {"id":"v1","choices":[{"index":0,"delta":{"content":"SAID"}}],"usage":{"prompt_tokens":16,"total_tokens":17,"completion_tokens":1}}

data: {"id":"v1","choices":[{"index":0,"delta":{"content":"SAID"},"finish_reason":"stop"}],"usage":{"prompt_tokens":16,"total_tokens":23,"completion_tokens":7}}

data: {"id":"v1","choices":[],"usage":{"prompt_tokens":16,"total_tokens":23,"completion_tokens":7}}

data: [DONE]

"#;

const VOYAGE: &str = r#"{"object":"list","data":[{"object":"embedding","embedding":[0.005,-0.12],"index":0}],
"model":"voyage-3.5","usage":{"total_tokens":10}}"#;
