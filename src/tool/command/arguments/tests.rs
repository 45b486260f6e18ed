use super::*;

fn argument(name: &str, kind: Kind) -> Argument {
    Argument {
        name: name.into(),
        kind,
        choices: None,
        default: None,
        required: false,
        description: None,
    }
}

fn text(text: &str) -> Scalar {
    Scalar::Text(text.to_owned())
}

fn string(length_min: Option<u32>, length_max: Option<u32>, pattern: Option<&str>) -> Kind {
    Kind::String {
        length_min,
        length_max,
        pattern: pattern.map(String::from),
    }
}

fn integer(minimum: Option<i64>, maximum: Option<i64>) -> Kind {
    Kind::Integer { minimum, maximum }
}

fn number(minimum: Option<f64>, maximum: Option<f64>) -> Kind {
    Kind::Number { minimum, maximum }
}

/// What one argument makes of one value: how it prints, or what is wrong.
fn check_one(argument: Argument, json: &str) -> Result<String, String> {
    let arguments = Arguments::new(vec![argument]).unwrap();
    let call = RawValue::from_string(format!("{{\"x\":{json}}}")).unwrap();
    match arguments.check(&call) {
        Ok(values) => {
            let mut printed = String::new();
            values[0].as_ref().unwrap().append_to(&mut printed);
            Ok(printed)
        }
        Err(problems) => Err(problems.join("; ")),
    }
}

#[test]
fn values_are_taken_up_to_their_bounds_and_not_one_past() {
    for (kind, taken, refused) in [
        (
            string(None, None, None),
            &[r#""""#, r#""ä""#][..],
            &["5", "true", "[]", "{}"][..],
        ),
        (
            string(Some(2), Some(3), None),
            &[r#""ää""#, r#""äää""#],
            &[r#""ä""#, r#""ääää""#],
        ),
        (
            string(None, None, Some("a|b+")),
            &[r#""a""#, r#""bb""#],
            &[r#""ab""#, r#""a\n""#, "\"\""],
        ),
        (
            integer(None, None),
            &["0", "-7", "3.0", "9223372036854775807"],
            &["3.5", r#""3""#],
        ),
        (
            integer(None, None),
            &["1e3"],
            &["9223372036854775808", "1e18", "true"],
        ),
        (
            integer(Some(2), Some(27)),
            &["2", "27", "27.0"],
            &["1", "28", "27.5"],
        ),
        (
            integer(Some(i64::MIN), None),
            &["-9223372036854775808"],
            &["-9223372036854775809"],
        ),
        (
            number(Some(-0.5), Some(1.5)),
            &["-0.5", "1.5", "1"],
            &["-0.51", "1.51", "2", "\"1\""],
        ),
        (
            number(None, None),
            &["1e300", "18446744073709551615"],
            &["true", "\"x\""],
        ),
        (Kind::Boolean, &["true", "false"], &["0", "\"true\"", "1"]),
    ] {
        for json in taken {
            let checked = check_one(argument("x", kind.clone()), json);
            assert!(checked.is_ok(), "{kind:?} {json}: {checked:?}");
        }
        for json in refused {
            let checked = check_one(argument("x", kind.clone()), json);
            assert!(checked.is_err(), "{kind:?} {json}: {checked:?}");
        }
    }
}

#[test]
fn a_refusal_names_the_argument_what_was_expected_and_what_came() {
    let choices = Argument {
        choices: Some(vec![text("on"), text("off")]),
        ..argument("x", string(None, None, None))
    };
    for (argument, json, expected) in [
        (
            argument("x", integer(Some(2), Some(27))),
            "99",
            r#"argument "x": expected a whole number from 2 to 27, got 99"#,
        ),
        (
            argument("x", integer(None, None)),
            "1e40",
            r#"argument "x": expected a whole number of at most 64 bits, got 1e40"#,
        ),
        (
            argument("x", number(Some(0.5), None)),
            "{\n}",
            r#"argument "x": expected a number of at least 0.5, got { }"#,
        ),
        (
            argument("x", string(None, Some(3), None)),
            "\"abcd\"",
            r#"argument "x": expected a string of at most 3 characters, got "abcd""#,
        ),
        (
            argument("x", string(None, None, Some("[a-z]+"))),
            "\"A\"",
            "argument \"x\": expected a string of at most 4096 bytes that matches ^(?:[a-z]+)$, \
             got \"A\"",
        ),
        (
            argument("x", string(None, None, None)),
            r#""a\u0000b""#,
            r#"argument "x": must not hold a NUL character"#,
        ),
        (
            argument("x", Kind::Boolean),
            "1",
            r#"argument "x": expected true or false, got 1"#,
        ),
        (
            choices,
            "\"of\"",
            r#"argument "x": expected one of "on", "off", got "of""#,
        ),
    ] {
        assert_eq!(check_one(argument, json).unwrap_err(), expected);
    }
}

#[test]
fn a_long_wrong_value_is_shown_in_part() {
    let json = format!("\"{}\"", "ä".repeat(10_000));
    let problem = check_one(argument("x", Kind::Boolean), &json).unwrap_err();
    assert!(problem.ends_with("ä..."), "{problem}");
    assert!(problem.chars().count() < 200);
}

#[test]
fn choices_compare_numbers_by_value() {
    let choices = Argument {
        choices: Some(vec![Scalar::Whole(0), Scalar::of_float(1.0)]),
        ..argument("x", integer(None, None))
    };
    assert_eq!(check_one(choices.clone(), "1"), Ok("1".into()));
    assert_eq!(check_one(choices.clone(), "0.0"), Ok("0".into()));
    assert!(check_one(choices, "2").is_err());
}

#[test]
fn a_text_as_long_as_may_be_matched_is_and_one_longer_is_not() {
    let pattern = || argument("x", string(None, None, Some("a*")));
    let text = |length: usize| format!("\"{}\"", "a".repeat(length));
    assert!(check_one(pattern(), &text(PATTERN_TEXT_BYTES_MAX)).is_ok());
    assert!(check_one(pattern(), &text(PATTERN_TEXT_BYTES_MAX + 1)).is_err());
}

#[test]
fn patterns_that_cannot_be_used_are_refused() {
    for pattern in ["a", "[a-z]{1,64}", "a|b", "", "^a$"] {
        assert_eq!(check_pattern(pattern), Ok(()), "{pattern}");
    }
    for pattern in ["(", "a)(?:b", "(?=a)", r"(a)\1", "(?:a{1000}){1000}", "*"] {
        let error = check_pattern(pattern).unwrap_err();
        assert!(error.contains("cannot be used"), "{pattern}: {error}");
    }
}

fn relay() -> Arguments {
    Arguments::new(vec![
        Argument {
            required: true,
            ..argument("pin", integer(Some(2), Some(27)))
        },
        Argument {
            required: true,
            ..argument("on", Kind::Boolean)
        },
        Argument {
            default: Some(Scalar::Whole(5)),
            ..argument("seconds", integer(None, None))
        },
        argument("note", string(None, None, None)),
    ])
    .unwrap()
}

fn check(call: &str) -> Result<Vec<Option<Scalar>>, Vec<String>> {
    relay().check(&RawValue::from_string(call.to_owned()).unwrap())
}

#[test]
fn absent_and_null_take_the_default_or_stay_absent() {
    let expected = vec![
        Some(Scalar::Whole(4)),
        Some(Scalar::Boolean(true)),
        Some(Scalar::Whole(5)),
        None,
    ];
    for call in [
        r#"{"pin":4,"on":true}"#,
        r#"{"on":true,"note":null,"seconds":null,"pin":4.0}"#,
        r#"{ "\u006fn" : true , "pin" : 4 }"#,
    ] {
        assert_eq!(check(call), Ok(expected.clone()), "{call}");
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let problems = check(r#"{"pins":4,"seconds":"x","note":1,"note":"a","zzz":{"a":[]}}"#);
    let expected = [
        r#"argument "note": given more than once"#,
        r#"argument "pin" is missing: expected a whole number from 2 to 27"#,
        r#"argument "on" is missing: expected true or false"#,
        r#"argument "seconds": expected a whole number of at most 64 bits, got "x""#,
        "unknown: \"pins\" (did you mean \"pin\"?), \"zzz\"; the tool takes pin, on, seconds, note",
    ];
    assert_eq!(problems.unwrap_err(), expected);
}

#[test]
fn what_is_no_object_is_refused() {
    for call in ["[]", "5", "null", "\"x\""] {
        let problems = check(call).unwrap_err();
        assert!(
            problems[0].starts_with("expected an object"),
            "{problems:?}"
        );
    }
}

#[test]
fn thousands_of_unknown_names_make_one_short_sentence() {
    let members: Vec<String> = (0..5000)
        .map(|n| format!("\"u{n}{}\":1", "y".repeat(99)))
        .collect();
    let call = format!("{{\"pin\":4,\"on\":true,{}}}", members.join(","));
    let problems = check(&call).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("and 4992 more"), "{problems:?}");
    assert!(problems[0].len() < 1000);
}

#[test]
fn defaults_and_choices_have_to_fit_their_own_argument() {
    let wrong = |default: Option<Scalar>, choices: Option<Vec<Scalar>>| {
        let argument = Argument {
            default,
            choices,
            ..argument("x", integer(Some(1), Some(9)))
        };
        Arguments::new(vec![argument]).err()
    };
    assert_eq!(wrong(Some(Scalar::Whole(9)), None), None);
    assert_eq!(
        wrong(
            Some(Scalar::Whole(2)),
            Some(vec![Scalar::Whole(1), Scalar::Whole(2)])
        ),
        None
    );
    for (default, choices) in [
        (Some(Scalar::Whole(10)), None),
        (Some(text("1")), None),
        (Some(Scalar::Whole(3)), Some(vec![Scalar::Whole(1)])),
        (None, Some(vec![Scalar::Whole(0)])),
    ] {
        assert!(
            wrong(default.clone(), choices.clone()).is_some(),
            "{default:?} {choices:?}"
        );
    }
    let twice = vec![argument("x", Kind::Boolean), argument("x", Kind::Boolean)];
    assert!(Arguments::new(twice).is_err());
}
