use super::*;

const MAX: usize = 64;

#[track_caller]
fn check_encoded(event: Event<'_>, expected: &str) {
    let mut out = Vec::new();
    event.encode(&mut out).unwrap();
    assert_eq!(String::from_utf8_lossy(&out), expected);
    assert_eq!(event.encoded_len(), expected.len());
}

fn data(data: &str) -> Event<'_> {
    Event {
        data: data.as_bytes(),
        ..Event::default()
    }
}

#[test]
fn an_event_is_written_in_one_pass() {
    check_encoded(data("{}"), "data: {}\n\n");
    check_encoded(data(""), "data: \n\n");
    let event = Event {
        id: Some(EventId::Text("a")),
        name: Some("endpoint"),
        retry_millis: Some(1000),
        data: b"/messages",
    };
    let expected = "id: a\nevent: endpoint\nretry: 1000\ndata: /messages\n\n";
    check_encoded(event, expected);
}

#[test]
fn an_id_is_composed_of_stream_and_sequence() {
    for (sequence, text) in [(0, "0"), (42, "42"), (u64::MAX, "18446744073709551615")] {
        let id = EventId::Sequence {
            prefix: "s1",
            sequence,
        };
        let event = Event {
            id: Some(id),
            ..Event::default()
        };
        check_encoded(event, &format!("id: s1-{text}\ndata: \n\n"));
    }
}

#[test]
fn every_line_of_the_data_is_a_field() {
    check_encoded(data("a\nb"), "data: a\ndata: b\n\n");
    check_encoded(data("a\rb"), "data: a\ndata: b\n\n");
    check_encoded(data("a\r\nb"), "data: a\ndata: b\n\n");
    check_encoded(data("\n\r"), "data: \ndata: \ndata: \n\n");
    check_encoded(data("a\n"), "data: a\ndata: \n\n");
    check_encoded(data("a\n\nevent: x"), "data: a\ndata: \ndata: event: x\n\n");
}

#[test]
fn what_would_break_the_stream_is_refused() {
    for bad in ["a\nb", "a\rb", "a\r\nb", "a\0b"] {
        let ids = [
            EventId::Text(bad),
            EventId::Sequence {
                prefix: bad,
                sequence: 1,
            },
        ];
        let refused = |event: Event<'_>| {
            let mut out = Vec::new();
            let refusal = event.encode(&mut out).unwrap_err();
            assert!(out.is_empty());
            refusal
        };
        for id in ids.map(Some) {
            assert_eq!(refused(Event { id, ..data("") }), RefusedField::Id);
        }
        let name = Some(bad);
        assert_eq!(refused(Event { name, ..data("") }), RefusedField::Name);
    }
}

#[test]
fn comments_end_no_event() {
    let mut out = HEARTBEAT.to_vec();
    comment(&mut out, "one\ndata: two");
    assert_eq!(out, b":\n\n: one\n: data: two\n\n");
    assert_eq!(read(&out, 1).unwrap(), [""; 0]);
}

/// The events of a stream that arrives in pieces of `step` bytes, as `id/name/data`.
fn read(stream: &[u8], step: usize) -> Result<Vec<String>, TooLong> {
    let mut reader = Reader::new(MAX);
    let mut events = Vec::new();
    for piece in stream.chunks(step) {
        reader.push(&[], |event| panic!("{event:?} out of nothing"))?;
        reader.push(piece, |event| {
            let data = event.data.escape_ascii();
            events.push(format!("{}/{}/{data}", event.id, event.name));
        })?;
        assert!(reader.held_bytes() <= 4 * MAX);
    }
    Ok(events)
}

#[track_caller]
fn check_read(stream: &str, expected: &[&str]) {
    for step in [1, 2, 3, 5, stream.len()] {
        let events = read(stream.as_bytes(), step).unwrap();
        assert_eq!(events, expected, "{stream:?} in pieces of {step}");
    }
}

#[test]
fn a_stream_is_read_as_browsers_read_it() {
    check_read("data: a\n\n", &["/message/a"]);
    check_read("data:a\n\ndata:  b\n\n", &["/message/a", "/message/ b"]);
    check_read("data: a\ndata: b\n\n", &["/message/a\\nb"]);
    check_read("data\n\n", &["/message/"]);
    check_read("data:\n\n", &["/message/"]);
    check_read("data\ndata\n\n", &["/message/\\n"]);
    check_read("event: x\ndata: a\n\ndata: b\n\n", &["/x/a", "/message/b"]);
    check_read("event: x\n\ndata: b\n\n", &["/message/b"]);
    check_read("event: x\nevent:\ndata: b\n\n", &["/message/b"]);
    check_read(": c\nfoo: 1\n data: x\ndata: a\n\n", &["/message/a"]);
    check_read("data: a:b\n\n", &["/message/a:b"]);
    check_read("data: a\n", &[]);
    check_read("data: a", &[]);
}

#[test]
fn line_ends_of_all_three_kinds() {
    check_read("data: a\r\n\r\n", &["/message/a"]);
    check_read("data: a\r\r", &["/message/a"]);
    check_read("data: a\n\r\n", &["/message/a"]);
    check_read("data: a\r\ndata: b\rdata: c\n\r", &["/message/a\\nb\\nc"]);
    check_read("\r\ndata: a\r\n\r\n\r\n", &["/message/a"]);
}

#[test]
fn a_byte_order_mark_counts_only_at_the_start() {
    check_read("\u{feff}data: a\n\n", &["/message/a"]);
    check_read("\u{feff}\u{feff}data: a\n\n", &[]);
    check_read("data: a\n\n\u{feff}data: b\n\n", &["/message/a"]);
}

#[test]
fn an_id_holds_until_the_next() {
    check_read(
        "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
        &["1/message/a", "1/message/b", "/message/c"],
    );
    check_read("id: 1\nid: x\0\ndata: a\n\n", &["1/message/a"]);
    check_read("id: 1\n\ndata: a\n\n", &["1/message/a"]);
}

#[test]
fn retry_is_digits_only() {
    for (stream, expected) in [
        ("retry: 1000\n", Some(1000)),
        ("retry: 1000\nretry: +5\n", Some(1000)),
        ("retry: 1.5\n", None),
        ("retry: -1\n", None),
        ("retry:\n", None),
        ("retry: 4294967296\n", None),
        ("retry: 1000", None),
    ] {
        let mut reader = Reader::new(MAX);
        reader.push(stream.as_bytes(), |_| ()).unwrap();
        assert_eq!(reader.retry_millis(), expected, "{stream:?}");
    }
}

#[test]
fn what_resumes_the_stream_is_known() {
    let mut reader = Reader::new(MAX);
    assert_eq!(reader.last_event_id(), "");
    reader.push(b"id: s-7\ndata: \n\n", |_| ()).unwrap();
    assert_eq!(reader.last_event_id(), "s-7");
}

#[test]
fn as_long_an_event_as_the_limit_and_one_more() {
    // `data: ` and the LF behind the data count while the line is there.
    let fill = |bytes: usize| format!("data: {}\n\n", "x".repeat(bytes - 7));
    for step in [1, 10, 200] {
        assert_eq!(read(fill(MAX).as_bytes(), step).unwrap().len(), 1);
        assert_eq!(read(fill(MAX + 1).as_bytes(), step), Err(TooLong));
        let short_lines = "data: x\n".repeat(MAX);
        assert_eq!(read(short_lines.as_bytes(), step), Err(TooLong));
        let many = fill(MAX).repeat(3);
        assert_eq!(read(many.as_bytes(), step).unwrap().len(), 3);
    }
}

#[test]
fn what_is_written_is_read_back() {
    for text in ["", "a", "a\nb", "\n", "\n\n", " a", "a\n ", ":", "data: x"] {
        let event = Event {
            id: Some(EventId::Sequence {
                prefix: "p",
                sequence: 9,
            }),
            name: Some("n"),
            ..data(text)
        };
        let mut out = HEARTBEAT.to_vec();
        event.encode(&mut out).unwrap();
        let escaped = text.as_bytes().escape_ascii();
        assert_eq!(read(&out, 3).unwrap(), [format!("p-9/n/{escaped}")]);
    }
}
