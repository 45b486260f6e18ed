use super::*;

const MAX: usize = 64;

fn framing(version: Version, coding: Option<&str>, length: Option<&str>) -> Result<Framing, u16> {
    let fields = Fields {
        transfer_encoding: coding,
        content_length: length,
        ..Fields::default()
    };
    Framing::of(version, &fields).map_err(|refusal| refusal.status.code())
}

#[test]
fn the_framing_follows_rfc_9112_section_6_3() {
    let table = [
        (None, None, Ok(Framing::None)),
        (None, Some("0"), Ok(Framing::Length(0))),
        (None, Some("0017"), Ok(Framing::Length(17))),
        (
            None,
            Some("18446744073709551615"),
            Ok(Framing::Length(u64::MAX)),
        ),
        (
            None,
            Some("18446744073709551616"),
            Ok(Framing::Length(u64::MAX)),
        ),
        (
            None,
            Some("99999999999999999999999"),
            Ok(Framing::Length(u64::MAX)),
        ),
        (None, Some("+5"), Err(400)),
        (None, Some("-5"), Err(400)),
        (None, Some("5,5"), Err(400)),
        (None, Some("5 5"), Err(400)),
        (None, Some("0x5"), Err(400)),
        (None, Some("5.0"), Err(400)),
        (None, Some(""), Err(400)),
        (Some("chunked"), None, Ok(Framing::Chunked)),
        (Some("Chunked"), None, Ok(Framing::Chunked)),
        (Some("chunked"), Some("5"), Err(400)),
        (Some("gzip"), Some("5"), Err(400)),
        (Some("gzip, chunked"), None, Err(501)),
        (Some("chunked, chunked"), None, Err(501)),
        (Some("xchunked"), None, Err(501)),
        (Some("identity"), None, Err(501)),
        (Some(""), None, Err(501)),
    ];
    for (coding, length, expected) in table {
        let decided = framing(Version::Http11, coding, length);
        assert_eq!(decided, expected, "{coding:?} {length:?}");
    }
    assert_eq!(framing(Version::Http10, Some("chunked"), None), Err(400));
    assert_eq!(
        framing(Version::Http10, None, Some("5")),
        Ok(Framing::Length(5))
    );
}

/// Feeds `input` in pieces of `step` bytes. Returns the data, and the bytes used if it is done.
fn decode_in_steps(input: &[u8], step: usize) -> Result<(Vec<u8>, Option<usize>), u16> {
    let mut decoder = ChunkDecoder::default();
    let mut out = b"head".to_vec();
    let mut used = 0;
    for piece in input.chunks(step) {
        used += decoder
            .decode(piece, &mut out, 4, MAX)
            .map_err(|refusal| refusal.status.code())?;
        assert!(out.capacity() <= 4 + MAX);
    }
    assert_eq!(&out[..4], b"head");
    Ok((out.split_off(4), decoder.is_done().then_some(used)))
}

#[track_caller]
fn check(input: impl AsRef<[u8]>, expected: Result<(&str, Option<usize>), u16>) {
    let input = input.as_ref();
    for step in [1, 2, 3, 7, input.len()] {
        let decoded = decode_in_steps(input, step);
        let expected = expected.map(|(data, used)| (data.as_bytes().to_vec(), used));
        assert_eq!(decoded, expected, "{} in {step}", input.escape_ascii());
    }
}

#[test]
fn chunks_become_one_body() {
    check("0\r\n\r\n", Ok(("", Some(5))));
    check("5\r\nhello\r\n0\r\n\r\n", Ok(("hello", Some(15))));
    check(
        "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
        Ok(("hello world", Some(26))),
    );
    check(
        "A\r\n0123456789\r\n00\r\n\r\n",
        Ok(("0123456789", Some(21))),
    );
    check(
        "00000000000000000000a\r\n0123456789\r\n0\r\n\r\n",
        Ok(("0123456789", Some(40))),
    );
    check("2\r\n\r\n\r\n0\r\n\r\n", Ok(("\r\n", Some(12))));
}

#[test]
fn an_unfinished_body_is_not_done() {
    check("5\r\nhel", Ok(("hel", None)));
    check("5\r\nhello\r\n0\r\n", Ok(("hello", None)));
    check("0\r\n\r", Ok(("", None)));
}

#[test]
fn what_follows_the_body_is_left() {
    check("1\r\nx\r\n0\r\n\r\nGET /", Ok(("x", Some(11))));
}

#[test]
fn extensions_and_trailers_are_skipped() {
    for body in [
        "1;a=\"b\"\r\nx\r\n0;c\r\nX: y\r\nZ: w\r\n\r\n",
        "1 \t ;a\r\nx\r\n0 \r\n\r\n",
    ] {
        check(body, Ok(("x", Some(body.len()))));
    }
}

#[test]
fn what_two_readers_could_read_differently_is_refused() {
    let bodies: [(&str, &str); 19] = [
        ("an empty size", "\r\n"),
        ("an empty size with extension", ";a\r\n"),
        ("a sign", "+5\r\nhello\r\n"),
        ("a minus", "-5\r\nhello\r\n"),
        ("a prefix", "0x5\r\nhello\r\n"),
        ("a leading blank", " 5\r\nhello\r\n"),
        ("a size in two words", "1 1\r\nx\r\n"),
        ("a bare LF after the size", "5\nhello\r\n"),
        ("a bare LF after a blank", "5 \nhello\r\n"),
        ("a bare LF in an extension", "5;a\nhello\r\n"),
        ("a bare CR after the size", "5\rhello\r\n"),
        ("NUL in an extension", "5;\0\r\nhello\r\n"),
        ("a bare LF after the data", "5\r\nhello\n0\r\n\r\n"),
        ("data longer than its size", "4\r\nhello\r\n"),
        ("another byte for the CR", "4\r\nhello\n0\r\n\r\n"),
        ("a bare CR after the data", "5\r\nhello\r0\r\n\r\n"),
        ("a bare LF at the end", "0\r\n\n"),
        ("a bare LF in a trailer", "0\r\nX: y\n\r\n"),
        ("a bare CR in a trailer", "0\r\nX: y\rz\r\n\r\n"),
    ];
    for (what, body) in bodies {
        println!("{what}");
        check(body, Err(400));
    }
}

#[test]
fn a_size_of_more_than_64_bits_is_refused() {
    check("ffffffffffffffff0\r\n", Err(400));
    check("10000000000000005\r\nhello\r\n0\r\n\r\n", Err(400));
    check("ffffffffffffffff\r\n", Err(413));
}

#[test]
fn as_many_bytes_as_the_limit_and_one_more() {
    let data = "x".repeat(MAX);
    check(
        format!("40\r\n{data}\r\n0\r\n\r\n"),
        Ok((&data, Some(MAX + 11))),
    );
    check("41\r\n", Err(413));
    check(format!("3f\r\n{}\r\n2\r\n", &data[1..]), Err(413));
    check(format!("40\r\n{data}\r\n1\r\n"), Err(413));
}

#[test]
fn as_long_a_size_line_as_the_limit_and_one_more() {
    let fill = |bytes: usize| format!("1;{}\r\nx\r\n0\r\n\r\n", "a".repeat(bytes - 2));
    let most = fill(CHUNK_LINE_BYTES_MAX);
    check(&most, Ok(("x", Some(most.len()))));
    check(fill(CHUNK_LINE_BYTES_MAX + 1), Err(400));
    check("0".repeat(CHUNK_LINE_BYTES_MAX + 1), Err(400));
}

#[test]
fn as_many_trailer_bytes_as_the_limit_and_one_more() {
    let fill = |bytes: usize| format!("0\r\n{}\r\nb\r\n\r\n", "a".repeat(bytes - 1));
    let most = fill(TRAILER_BYTES_MAX);
    check(&most, Ok(("", Some(most.len()))));
    check(fill(TRAILER_BYTES_MAX + 1), Err(431));
}

#[test]
fn the_size_limit_holds_for_each_chunk_anew() {
    let chunk = format!("1;{}\r\nx\r\n", "a".repeat(CHUNK_LINE_BYTES_MAX - 2));
    let body = format!("{}0\r\n\r\n", chunk.repeat(3));
    check(&body, Ok(("xxx", Some(body.len()))));
}
