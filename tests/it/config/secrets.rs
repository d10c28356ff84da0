//! Whatever breaks around them, secrets are in no message.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::Place;

/// Distinct enough that eight characters in a row of it are in no honest message.
const SECRETS: [&str; 10] = [
    "Qa1Zx9Lm3Vb7Nc5K",
    "Wr2Tp8Yh4Gf6Dk0J",
    "whsec_Ux5Iv1Ob9Pn3Ms7Ql2Wk8Ej4Rh",
    "whsec_Ec6Rd0Tf4Yg8Uj2Ik5Ol9Pa3Sz",
    "Hq7Jw3Ke9Lr5Zt1X",
    "Vb4Nm8Cx2Qz6Ws0E",
    "Rf3Tg7Yh1Uj5Ik9O",
    "Pl6Ok2Ij8Uh4Yg0T",
    "Mz1Nx5Bc9Vv3La7S",
    "Dk8Fj4Gh0Sl6Ap2Q",
];

/// A configuration with a secret in every place that can hold one.
fn planted() -> String {
    let [
        key,
        token,
        first,
        second,
        authorization,
        cookie,
        heartbeat,
        path,
        user,
        label,
    ] = SECRETS;
    format!(
        r#"# api_key = "{key}"
[konbini]
api_key = "{key}" # not token {token}
timeout = "15s"

[http]
listen = "127.0.0.1:9464"
token = '{token}'

[watchlist]
creators = [
  "khaby.lame",
  {{ username = "bellapoarch", labels = {{ team = "emea", api_token = "{label}" }}, priority = 2.0 }},
]

[[webhook]]
id = "backend"
url = "https://{user}@example.com/services/{path}?x=1"
secret = [
  "{first}",
  '''{second}''', # the old one
]
events = ["stream.started"]
headers = {{ Authorization = "Bearer {authorization}", X-Env = "prod" }}

[webhook.labels]
team = "emea"

[[webhook]]
id = "other"
secret = """
{first}"""
url = "https://example.com/"
[webhook.headers]
Cookie = """
{cookie}
"""

[heartbeat]
every = "1m"
url = "https://hc.example/{heartbeat}"
"#
    )
}

/// Pieces of every secret that no message may hold: its own eight characters in a row.
fn leaks(told: &str) -> Option<String> {
    SECRETS.iter().find_map(|secret| {
        let own = secret.strip_prefix("whsec_").unwrap_or(secret);
        let pieces = (0..=own.len() - 8).map(|at| &own[at..at + 8]);
        pieces
            .into_iter()
            .find(|piece| told.contains(piece))
            .map(str::to_owned)
    })
}

fn assert_tight(text: &str) {
    let place = Place::with_config(text);
    let told = match place.load() {
        Err(problems) => {
            let mut told = problems.to_string();
            // Every channel by which a problem can be shown.
            let _ = write!(told, "{problems:?}");
            for problem in &problems.problems {
                told.push_str(problem.styled());
            }
            told
        }
        Ok(loaded) => format!("{loaded:?}"),
    };
    let leak = leaks(&told);
    assert_eq!(
        leak, None,
        "a piece of a secret is told:\n{told}\nof\n{text}"
    );
}

#[test]
fn every_secret_is_in_the_file_and_a_naive_message_would_show_it() {
    let text = planted();
    for secret in SECRETS {
        let own = secret.strip_prefix("whsec_").unwrap_or(secret);
        assert!(text.contains(own) && leaks(own).is_some());
    }
}

#[test]
fn every_line_broken_in_every_way_tells_no_secret() {
    let text = planted();
    let lines: Vec<&str> = text.lines().collect();
    let breakages: [fn(&str) -> String; 12] = [
        |line| line.replacen('=', "", 1),
        |line| line.replacen('=', "= =", 1),
        |line| line.replacen('"', "", 1),
        |line| line.replacen('\'', "", 1),
        |line| line.replace('"', ""),
        |line| format!("{line}\n{line}"),
        |line| format!("{line} ?"),
        |line| format!("? {line}"),
        |line| line.replace(" = ", "x = "),
        |line| line.replacen(['[', '{'], "", 1),
        |line| line.replacen([']', '}'], "", 1),
        |line| line.replace("= ", "= 1 + "),
    ];
    let mut broken = 0;
    for at in 0..lines.len() {
        for breakage in breakages {
            let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            lines[at] = breakage(&lines[at]);
            assert_tight(&lines.join("\n"));
            broken += 1;
        }
    }
    assert!(broken > 300);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_is_cut_or_put_in_no_secret_is_told(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..4, "[\\[\\]{}\"'#=,.\n a-z]{0,3}"), 1..6)
    ) {
        // Without its `@` a user is a host, and a label of any other name is no secret.
        let mut text = planted()
            .replace(&format!("{}@", SECRETS[8]), "")
            .replace(SECRETS[9], "");
        for (place, cut, put) in edits {
            let at = place.index(text.len() + 1);
            let end = (at + cut).min(text.len());
            text.replace_range(at..end, &put);
        }
        assert_tight(&text);
    }
}

#[test]
fn secrets_of_files_and_of_the_environment_are_not_told_either() {
    let text = "[konbini]\napi_key_file = \"key\"\n[watchlist]\ncreators = [\"${LEAK}\"]\n\
        [polling]\ninterval = \"${LEAK}\"\nschedule = \"${LEAK}\"\n[log]\nlevel = \"${LEAK}\"\n[http]\nlisten = \"${LEAK}\"\n\
        [storage]\nurl = \"${LEAK}\"\n[[webhook]]\nid = \"${LEAK} \"\nurl = \"${LEAK}\"\nevents = [\"${LEAK}\"]\nrate = \"${LEAK}\"\n\
        secret_file = \"secrets\"\ncreators = [\"${LEAK} \"]\n";
    let place = Place::with_config(text);
    place.write("key", format!("{} {}", SECRETS[0], SECRETS[1]));
    place.write(
        "secrets",
        format!("{}\n{}\n", SECRETS[4], SECRETS[2].to_lowercase()),
    );
    let env = |name: &str| (name == "LEAK").then(|| format!("{}!", SECRETS[5]));
    let told = tallylight::config::load(&place.path(), &env)
        .unwrap_err()
        .to_string();
    assert!(told.matches("error:").count() >= 10, "{told}");
    assert_eq!(leaks(&told), None, "{told}");
}
