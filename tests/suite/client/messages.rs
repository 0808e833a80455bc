//! A server of messages for an agent client: answers each request by what the conversation holds so far.
//!
//! It speaks just enough of the form that the client asks for (a stream of server-sent events) and knows no model.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

/// What is answered.
pub(crate) enum Answer {
    /// Words that end the turn.
    Words(String),
    /// A tool to be used.
    Tool(&'static str, Value),
    /// The same, and so many tokens of the context are used by now.
    Filling(&'static str, Value, u64),
}

/// Decides from the body of a request.
pub(crate) type Decide = dyn Fn(&Value) -> Answer + Send + Sync;

/// The server; goes with the process.
pub(crate) struct Messages {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<Value>>>,
}

impl Messages {
    /// Starts to listen on a free port of this machine.
    pub(crate) fn start(decide: Box<Decide>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (known, decide) = (Arc::clone(&seen), Arc::<Decide>::from(decide));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (known, decide) = (Arc::clone(&known), Arc::clone(&decide));
                // The client may go away at any time.
                thread::spawn(move || serve(stream, &decide, &known).ok());
            }
        });
        Self { port, seen }
    }

    /// The bodies of the requests so far.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.seen.lock().expect("nobody panicked").clone()
    }
}

fn serve(mut stream: TcpStream, decide: &Arc<Decide>, seen: &Mutex<Vec<Value>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if !first.starts_with("POST /v1/messages?") && !first.starts_with("POST /v1/messages ") {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
    let answer = decide(&body);
    let number = {
        let mut seen = seen.lock().expect("nobody panicked");
        seen.push(body.clone());
        seen.len()
    };
    let tokens = if let Answer::Filling(_, _, tokens) = answer { tokens } else { 100 };
    let (block, delta, stop) = match answer {
        Answer::Words(words) => {
            (json!({ "type": "text", "text": "" }), json!({ "type": "text_delta", "text": words }), "end_turn")
        }
        Answer::Tool(name, input) | Answer::Filling(name, input, _) => (
            json!({ "type": "tool_use", "id": format!("toolu_{number:020}"), "name": name, "input": {} }),
            json!({ "type": "input_json_delta", "partial_json": input.to_string() }),
            "tool_use",
        ),
    };
    let message = json!({
        "id": format!("msg_{number:020}"), "type": "message", "role": "assistant", "model": body["model"], "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": { "input_tokens": tokens, "output_tokens": 1 },
    });
    let events = [
        json!({ "type": "message_start", "message": message }),
        json!({ "type": "content_block_start", "index": 0, "content_block": block }),
        json!({ "type": "content_block_delta", "index": 0, "delta": delta }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": stop, "stop_sequence": null }, "usage": { "output_tokens": 20 } }),
        json!({ "type": "message_stop" }),
    ];
    let mut text = String::from("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n");
    for event in events {
        text.push_str(&format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default()));
    }
    stream.write_all(text.as_bytes())
}
