//! What must never come out, and what must come out unchanged.

use std::path::Path;

use proptest::prelude::*;

use super::*;

fn forms() -> Secrets {
    Secrets::given([])
}

/// Made up at run time, so that no scanner takes this file for a leak.
fn examples() -> Vec<(&'static str, String)> {
    let body = |length: usize| "aB3dE6gH9".repeat(10)[..length].to_owned();
    vec![
        ("aws", format!("AKIA{}", "ABCD2345".repeat(2))),
        ("github", format!("ghp_{}", body(36))),
        ("github", format!("ghs_{}", body(36))),
        ("github", format!("github_pat_{}_{}", body(22), body(59))),
        ("gitlab", format!("glpat-{}", body(20))),
        ("slack", format!("xoxb-{}-{}", "123456789012", body(24))),
        ("stripe", format!("sk_live_{}", body(24))),
        ("anthropic", format!("sk-ant-api03-{}", body(80))),
        ("openai", format!("sk-proj-{}", body(48))),
        ("google", format!("AIza{}", body(35))),
        ("npm", format!("npm_{}", body(36))),
        ("pypi", format!("pypi-AgEIcHlwaS5vcmc{}", body(60))),
        ("jwt", format!("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0{}.{}", body(10), body(43))),
    ]
}

fn key() -> String {
    format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----", "MIIEpAIBAAKCAQEA7bq+/=\n".repeat(4).trim_end())
}

#[test]
fn each_documented_form_is_hidden_wherever_it_stands() {
    for (kind, token) in examples() {
        for (before, after) in [("", ""), ("key: ", "\n"), ("\"", "\""), ("x\\n", "\\n"), ("(", ")."), ("K=", ";")] {
            let text = format!("{before}{token}{after}");
            let expected = format!("{before}[redacted:{kind}]{after}");
            let got = forms().redact(&text).into_owned();
            // A point may be part of some tokens; then it is hidden with them.
            assert!(got == expected || got == expected.trim_end_matches('.'), "{kind}: {got}");
        }
    }
}

#[test]
fn keys_passwords_and_credentials_are_hidden_without_what_is_around_them() {
    let shown = |text: &str| forms().redact(text).into_owned();
    assert_eq!(shown(&format!("a\n{}\nb", key())), "a\n[redacted:private-key]\nb");
    assert_eq!(shown(&format!("{{\"k\":\"{}\"}}", key().replace('\n', "\\n"))), "{\"k\":\"[redacted:private-key]\"}");
    assert_eq!(
        shown("git clone https://me:hunter2@host/x.git now"),
        "git clone https://me:[redacted:url-password]@host/x.git now"
    );
    assert_eq!(shown("postgres://u:p@ss:w@db:5432/x"), "postgres://u:[redacted:url-password]@db:5432/x");
    assert_eq!(shown("Authorization: Bearer abcdef123456"), "Authorization: Bearer [redacted:authorization]");
    assert_eq!(shown("{\"authorization\": \"Basic dXNlcjpwYXNz\"}"), "{\"authorization\": \"Basic [redacted:authorization]\"}");
    assert_eq!(shown("curl -H 'Authorization: 0123456789abcdef'"), "curl -H 'Authorization: [redacted:authorization]'");
}

#[test]
fn an_id_of_git_or_a_checksum_is_no_token_whatever_it_begins_with() {
    let hexadecimal = |prefix: &&str| !prefix.is_empty() && prefix.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let prefixes: Vec<&str> = issuers().flat_map(Issuer::prefixes).filter(hexadecimal).collect();
    assert!(!prefixes.is_empty());
    for prefix in prefixes {
        for length in [40, 64] {
            let id = format!("{prefix}{}", "0a1b2c3d4e5f".repeat(6))[..length].to_owned();
            let line = format!("--- {{\"seq\":17,\"prev\":\"{id}\"}}");
            assert_eq!(forms().redact(&line), line);
            assert_eq!(forms().redact(&id), id);
        }
    }
}

#[test]
fn what_only_looks_alike_is_left_alone() {
    for text in [
        "task-aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "sk-learn-is-a-name-of-several-words",
        "npm_config_registry=https://registry.example/npm_modules",
        "https://example.org:8080/a@b",
        "https://example.org/a:b@c",
        "ssh://git@github.com/x",
        "the bearer of this letter",
        "authorization is needed: see below",
        "-----BEGIN CERTIFICATE-----\nMIIEpAIBAAKCAQEA7bq\n-----END CERTIFICATE-----",
        "a line of `-----BEGIN PRIVATE KEY-----` in prose",
        "eyJust.a.word",
        "AKIA and ASIA",
        "[redacted:aws]",
        "naïve Straße ✓ ghp_✓",
        "",
    ] {
        assert!(matches!(forms().redact(text), Cow::Borrowed(same) if same == text), "{text}: {}", forms().redact(text));
    }
}

#[test]
fn only_variables_that_look_like_secrets_give_their_values() {
    let environment = Environment::given(
        Path::new("/"),
        &[
            ("MY_API_KEY", "correct horse"),
            ("DB_PASSWORD", "tr0ub4dor"),
            ("SHORT_TOKEN", "1234567"),
            ("PAGER", "less -R --quit"),
            ("MAX_OUTPUT_TOKENS", "64000000"),
            ("TOKEN_FILE", "/run/secrets/token"),
            ("lower_secret", "quo\"ted\nvalue"),
        ],
    );
    let secrets = Secrets::of(&environment);
    let text = "correct horse tr0ub4dor 1234567 less -R --quit 64000000 /run/secrets/token quo\"ted\nvalue quo\\\"ted\\nvalue";
    insta::assert_snapshot!(secrets.redact(text), @"[redacted:MY_API_KEY] [redacted:DB_PASSWORD] 1234567 less -R --quit 64000000 /run/secrets/token [redacted:lower_secret] [redacted:lower_secret]");
    assert!(!format!("{secrets:?}").contains("horse"));
}

#[test]
fn a_value_in_front_of_a_password_is_not_stepped_over() {
    let secrets = Secrets::given([("A_TOKEN", "user-name-that-is-secret")]);
    let shown = secrets.redact("https://user-name-that-is-secret:pw@host");
    assert_eq!(shown, "https://[redacted:A_TOKEN]:[redacted:url-password]@host");
}

fn pushed(secrets: &Secrets, text: &[u8], pieces: &[usize]) -> String {
    let (mut stream, mut out, mut rest) = (secrets.stream(), Vec::new(), text);
    for &size in pieces.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at(size.clamp(1, rest.len()));
        out.extend(stream.push(piece));
        rest = after;
    }
    out.extend(stream.finish());
    String::from_utf8(out).expect("it was text")
}

#[test]
fn a_line_is_let_go_as_soon_as_it_is_complete() {
    let secrets = forms();
    let mut stream = secrets.stream();
    assert_eq!(stream.push(b"one\ntw"), b"one\n");
    assert_eq!(stream.push(b"o\n"), b"two\n");
    assert_eq!(stream.finish(), b"");
}

#[test]
fn what_is_longer_than_can_be_held_does_not_leak() {
    let secrets = forms();
    let long = format!("a\n-----BEGIN PRIVATE KEY-----\n{}-----END PRIVATE KEY-----\nb\n", "QUJD\n".repeat(40_000));
    assert_eq!(pushed(&secrets, long.as_bytes(), &[4096]), "a\n[redacted:private-key]\nb\n");
    let word = format!("ghp_{} end\n", "a1B2".repeat(40_000));
    assert_eq!(pushed(&secrets, word.as_bytes(), &[4096]), "[redacted:github] end\n");
    let line = "word ".repeat(40_000);
    assert_eq!(pushed(&secrets, line.as_bytes(), &[4096]), line);
}

fn hidden_text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[a-zA-Z0-9 \n:/@_.\\-\"\\\\é]{0,12}",
        proptest::sample::select(examples()).prop_map(|(_, token)| token),
        Just(key()),
        Just("https://u:pass@h ".to_owned()),
        Just("Authorization: Bearer ".to_owned()),
        Just("[redacted:".to_owned()),
        Just("VALUE-of-one".to_owned()),
        Just("two\nlines of it".to_owned()),
    ];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in text.as_bytes().chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = if place <= three.len() { char::from(DIGITS[(bits >> (18 - 6 * place) & 63) as usize]) } else { '=' };
            out.push(digit);
        }
    }
    out
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat()
}

fn coloured(text: &str, at: usize) -> String {
    let (before, after) = text.split_at(at.min(text.len()));
    format!("{before}\u{1b}[1;31m{after}\u{1b}[0m")
}

#[test]
fn a_token_in_base64_with_percent_signs_or_with_colours_in_it_is_hidden() {
    for (kind, token) in examples() {
        let shown = |text: &str| forms().redact(text).into_owned();
        assert_eq!(shown(&format!("data: {}\n", base64(&token))), "data: [redacted:encoded]\n", "{kind}");
        assert_eq!(shown(&format!("x={}&y=1", percent(&token))), "x=[redacted:encoded]&y=1", "{kind}");
        for at in [1, 3, token.len() / 2] {
            let shown = shown(&format!("see {} here", coloured(&token, at)));
            assert!(shown.contains("[redacted:") && !shown.contains(&token[token.len() / 2 + 4..]), "{kind} at {at}: {shown}");
        }
    }
    let secrets = Secrets::given([("DB_PASSWORD", "tr0ub4dor & more")]);
    assert_eq!(secrets.redact(&percent("tr0ub4dor & more")), "[redacted:encoded]");
    assert_eq!(secrets.redact(&base64("user:tr0ub4dor & more")), "[redacted:encoded]");
}

#[test]
fn a_scan_names_line_and_kind_and_passes_over_examples() {
    let (token, row) = (examples()[1].1.clone(), ["AKIAIOSFODNN7", "EXAMPLE"].concat());
    let text = format!("one\ntwo {token}\nkey {row}\nghp_{}\nlast {token} # autonomy:allow-secret\n", "x".repeat(36));
    let found = scan(text.as_bytes(), None);
    let shown: Vec<(u64, &str, bool)> = found.iter().map(|one| (one.line, one.kind.as_str(), one.marked)).collect();
    assert_eq!(shown, [(2, "github", false), (5, "github", true)]);
    assert_eq!(found[0].fingerprint, found[1].fingerprint, "the same wherever it stands");
    assert!(!format!("{found:?}").contains(&token));
    assert_eq!(scan(format!("\0{token}").as_bytes(), None), [], "that is no text");
}

/// A secret in one of the forms in which it may come.
fn planted() -> impl Strategy<Value = (String, String)> {
    let token = prop::sample::select(examples()).prop_map(|(_, token)| token);
    (token, 0..4_usize, 1..12_usize).prop_map(|(token, form, at)| {
        let shown = match form {
            0 => token.clone(),
            1 => base64(&token),
            2 => percent(&token),
            _ => coloured(&token, at),
        };
        (token, shown)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_given_value_ever_comes_out_and_twice_is_as_once(text in hidden_text()) {
        let secrets = Secrets::given([("ONE", "VALUE-of-one"), ("TWO", "two\nlines of it")]);
        let once = secrets.redact(&text).into_owned();
        prop_assert!(!once.contains("VALUE-of-one") && !once.contains("two\nlines of it"), "{}", once);
        prop_assert_eq!(secrets.redact(&once), once.clone());
        prop_assert_eq!(secrets.redact_bytes(text.as_bytes()), once.as_bytes());
    }

    #[test]
    fn a_given_value_is_hidden_in_any_text(before in ".{0,20}", value in "[!-Z\\\\-~]{8,20}", after in ".{0,20}") {
        let secrets = Secrets::given([("NAME_OF_IT", value.as_str())]);
        let text = format!("{before}{value}{after}");
        prop_assume!(!"[redacted:NAME_OF_IT]".contains(&value));
        prop_assert!(!secrets.redact(&text).contains(&value));
    }

    #[test]
    fn text_without_secrets_is_borrowed(text in "[a-z ,;\n✓]{0,200}") {
        let secrets = Secrets::given([("ONE", "VALUE-of-one")]);
        prop_assert!(matches!(secrets.redact(&text), Cow::Borrowed(_)));
    }

    #[test]
    fn pieces_hide_what_the_whole_hides(text in hidden_text(), pieces in prop::collection::vec(1_usize..40, 1..6)) {
        let secrets = Secrets::given([("ONE", "VALUE-of-one"), ("TWO", "two\nlines of it")]);
        let streamed = pushed(&secrets, text.as_bytes(), &pieces);
        prop_assert_eq!(streamed, secrets.redact(&text).into_owned());
    }

    #[test]
    fn a_planted_secret_never_comes_out_whatever_the_pieces(
        (token, shown) in planted(),
        before in "[a-zA-Z0-9 .:/=\"é\n-]{0,40}[ \n\"']",
        after in "[ \n\"'][a-zA-Z0-9 .:/=\"é\n-]{0,40}",
        pieces in prop::collection::vec(1..30_usize, 1..6),
    ) {
        let out = pushed(&forms(), format!("{before}{shown}{after}").as_bytes(), &pieces);
        prop_assert!(!out.contains(&token) && !out.contains(&shown), "{}", out);
        prop_assert!(out.contains("[redacted:"), "{}", out);
    }

    #[test]
    fn a_scan_takes_any_bytes_and_finds_nothing_in_what_was_redacted(
        bytes in prop::collection::vec(any::<u8>(), 0..2_000),
        text in hidden_text(),
    ) {
        let lines = lines(&bytes) + 1;
        prop_assert!(forms().scan(&bytes, None).iter().all(|found| (1..=lines).contains(&found.line)));
        let redacted = forms().redact(&text).into_owned();
        prop_assert_eq!(forms().scan(redacted.as_bytes(), None), []);
    }
}
