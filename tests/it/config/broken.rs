//! Every kind of broken configuration, with the whole message as a snapshot.

use super::{GOOD, Place};

/// Name of the snapshot, what is replaced in [`GOOD`], and by what. Nothing replaced: put before.
const BROKEN: &[(&str, &str, &str)] = &[
    ("unknown_key", "", "[polling]\nintervall = \"5m\"\n"),
    ("unknown_table", "", "[poling]\n"),
    (
        "unknown_key_of_another_table",
        "",
        "[log]\nlive_interval = \"5m\"\n",
    ),
    ("top_key_below_a_table", "", "[log]\nallow_shrink = true\n"),
    (
        "unknown_key_like_no_other",
        "",
        "[storage]\npassword = \"hunter2hunter2\"\n",
    ),
    ("key_missing", "api_key = \"${KEY}\"", ""),
    ("table_missing", "[konbini]\napi_key = \"${KEY}\"", ""),
    ("key_empty", "${KEY}", "${EMPTY}"),
    ("key_with_blank", "${KEY}", "knbn_a b"),
    (
        "both_key_and_file",
        "api_key = \"${KEY}\"",
        "api_key = \"${KEY}\"\napi_key_file = \"key\"",
    ),
    (
        "secret_file_missing",
        "api_key = \"${KEY}\"",
        "api_key_file = \"absent\"",
    ),
    (
        "secret_file_is_a_directory",
        "api_key = \"${KEY}\"",
        "api_key_file = \".\"",
    ),
    ("variable_unset", "${KEY}", "${NOT_SET}-${NOR_THIS}"),
    ("variable_malformed", "${KEY}", "${KEY:-fallback}"),
    (
        "string_where_a_number_belongs",
        "",
        "[budget]\ncredits_per_month = \"25000\"\n",
    ),
    (
        "number_where_a_string_belongs",
        "\"https://example.com/hooks/live\"",
        "5",
    ),
    ("table_where_a_list_belongs", "[[webhook]]", "[webhook]"),
    ("string_where_a_table_belongs", "", "http = \"off\"\n"),
    ("duration_without_unit", "", "[polling]\ninterval = 300\n"),
    (
        "duration_misspelt",
        "",
        "[polling]\ninterval = \"5 minutes\"\n",
    ),
    (
        "duration_too_long",
        "secret =",
        "timeout = \"31s\"\nsecret =",
    ),
    (
        "duration_too_short",
        "secret =",
        "timeout = \"999ms\"\nsecret =",
    ),
    (
        "none_where_not_allowed",
        "",
        "[polling]\ninterval = \"none\"\n",
    ),
    ("jitter_out_of_range", "", "[polling]\njitter = 0.6\n"),
    ("jitter_not_a_number", "", "[polling]\njitter = nan\n"),
    (
        "integers_out_of_range",
        "",
        "[polling]\nconfirm_offline = 0\nmax_in_flight = 1025\nmax_requests_per_second = 0.0001\n[budget]\ncredits_per_month = -1\nrenews_on = 32\n",
    ),
    ("schedule_unknown", "", "[polling]\nschedule = \"learnt\"\n"),
    (
        "learned_without_budget",
        "",
        "[polling]\nschedule = \"learned\"\n",
    ),
    ("budget_without_credits", "", "[budget]\nrenews_on = 1\n"),
    (
        "min_above_max",
        "",
        "[polling]\nmin_interval = \"2h\"\nmax_interval = \"1h\"\n",
    ),
    (
        "watchlist_empty",
        "creators = [\"khaby.lame\", \"bellapoarch\"]",
        "creators = []",
    ),
    (
        "watchlist_missing",
        "[watchlist]\ncreators = [\"khaby.lame\", \"bellapoarch\"]",
        "",
    ),
    (
        "username_twice",
        "\"bellapoarch\"",
        "\n  \"bellapoarch\",\n  { username = \"@Khaby.Lame\" },\n",
    ),
    (
        "username_impossible",
        "\"bellapoarch\"",
        "\"a\", \"naïve name\", \"https://example.com/@name\"",
    ),
    (
        "creator_of_the_wrong_type",
        "\"bellapoarch\"",
        "5, { priority = 2.0 }",
    ),
    (
        "creator_with_bad_details",
        "\"bellapoarch\"",
        "{ username = \"bellapoarch\", priority = 0, interval = \"5m\", min_interval = \"1m\", hours = \"18:00-02:00\", time_zone = \"Europe/Berlim\", strict_hours = 1, note = \"\" }",
    ),
    (
        "strict_hours_without_hours",
        "\"bellapoarch\"",
        "{ username = \"bellapoarch\", strict_hours = true }",
    ),
    (
        "creator_with_unknown_webhook",
        "\"bellapoarch\"",
        "{ username = \"bellapoarch\", webhooks = [\"bakend\"] }",
    ),
    (
        "labels_too_long",
        "\"bellapoarch\"",
        "{ username = \"bellapoarch\", labels = { aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeef = \"1\", \"\" = \"2\", n = 3 } }",
    ),
    (
        "when_already_live_unknown",
        "creators =",
        "when_already_live = \"quiet\"\ncreators =",
    ),
    ("webhook_id_missing", "id = \"backend\"", ""),
    ("webhook_id_impossible", "\"backend\"", "\"back end\""),
    (
        "webhook_id_twice",
        "secret = \"${SECRET}\"",
        "secret = \"${SECRET}\"\n\n[[webhook]]\nid = \"backend\"\nurl = \"https://example.com/other\"\nsecret = \"${SECRET}\"",
    ),
    ("webhook_url_plain", "https://", "http://"),
    (
        "webhook_url_no_url",
        "https://example.com/hooks/live",
        "example.com/hooks",
    ),
    ("webhook_url_other_scheme", "https://", "ftp://"),
    ("webhook_secret_missing", "secret = \"${SECRET}\"", ""),
    (
        "webhook_secret_short",
        "\"${SECRET}\"",
        "\"whsec_c2hvcnQ=\"",
    ),
    (
        "webhook_secret_no_prefix",
        "\"${SECRET}\"",
        "\"hunter2hunter2\"",
    ),
    (
        "webhook_secret_no_base64",
        "\"${SECRET}\"",
        "[\"${SECRET}\", \"whsec_?????\"]",
    ),
    ("webhook_secret_empty_list", "\"${SECRET}\"", "[]"),
    (
        "webhook_secret_twice",
        "\"${SECRET}\"",
        "[\"${SECRET}\", \"${SECRET}\"]",
    ),
    (
        "webhook_events_unknown",
        "secret =",
        "events = [\"stream.start\", \"stream.ended\", \"stream.ended\"]\nsecret =",
    ),
    ("webhook_events_empty", "secret =", "events = []\nsecret ="),
    (
        "webhook_headers_reserved",
        "secret =",
        "headers = { Webhook-Id = \"1\", Content-Type = \"x\", X-A = \"1\", x-a = \"2\", \"a b\" = \"3\", X-B = \"line\\nbreak\" }\nsecret =",
    ),
    (
        "webhook_rate_and_concurrency",
        "secret =",
        "rate = \"5 per second\"\nconcurrency = 33\nsecret =",
    ),
    (
        "webhook_creators_not_watched",
        "secret =",
        "creators = [\"khaby.lane\"]\nsecret =",
    ),
    (
        "webhook_files_not_there",
        "secret =",
        "proxy = \"http://user:hunter2hunter2@proxy:3128\"\nca_file = \"ca.pem\"\nclient_cert_file = \"c.pem\"\nclient_key_file = \"c.key\"\nsecret =",
    ),
    (
        "webhook_template_not_there",
        "secret =",
        "format = \"template\"\ntemplate = \"nowhere.j2\"\nsecret =",
    ),
    (
        "webhook_template_not_named",
        "secret =",
        "format = \"template\"\nsecret =",
    ),
    (
        "webhook_template_of_another_format",
        "secret =",
        "format = \"slack\"\ntemplate = \"config.toml\"\nsecret =",
    ),
    (
        "webhook_half_an_identity",
        "secret =",
        "client_cert_file = \"c.pem\"\nsecret =",
    ),
    (
        "webhook_none",
        "[[webhook]]\nid = \"backend\"\nurl = \"https://example.com/hooks/live\"\nsecret = \"${SECRET}\"\n",
        "",
    ),
    (
        "storage_of_another_kind",
        "",
        "[storage]\nurl = \"mysql://user:hunter2hunter2@db/tallylight\"\n",
    ),
    (
        "storage_postgres",
        "",
        "[storage]\nurl = \"postgres://user:hunter2hunter2@db/tallylight\"\n",
    ),
    (
        "listen_beyond_loopback",
        "",
        "[http]\nlisten = \"0.0.0.0:9464\"\n",
    ),
    ("listen_no_address", "", "[http]\nlisten = \"9464\"\n"),
    (
        "log_level_unknown",
        "",
        "[log]\nlevel = \"warning\"\nformat = \"Json\"\n",
    ),
    (
        "base_url_plain",
        "[konbini]",
        "[konbini]\nbase_url = \"http://api.konbiniapi.com\"",
    ),
    (
        "sweep_and_heartbeat_broken",
        "",
        "[sweep]\n[heartbeat]\nevery = \"1ms\"\n",
    ),
    (
        "no_effect_under_the_fixed_schedule",
        "",
        "[sweep]\naccount = \"watcher\"\n[heartbeat]\nurl = \"https://hc.example/hunter2hunter2\"\n[http]\nlisten = \"127.0.0.1:9464\"\n",
    ),
    (
        "secret_written_in_the_file",
        "${KEY}",
        "knbn_hunter2hunter2",
    ),
    (
        "syntax_errors",
        "",
        "[polling]\ninterval = 5m\njitter = = 1\n",
    ),
    ("syntax_secret_unquoted", "\"${KEY}\"", "hunter2hunter2"),
    (
        "syntax_secret_unclosed",
        "\"${SECRET}\"",
        "[\"hunter2hunter2, \"hunter2hunter2\"]",
    ),
    (
        "syntax_duplicate_key",
        "secret =",
        "secret = \"hunter2hunter2\"\nsecret =",
    ),
    ("hostile_text", "backend", "\u{202e}\\u001b[31mevil"),
];

fn broken(from: &str, to: &str) -> Place {
    if from.is_empty() {
        return Place::with_config(format!("{to}\n{GOOD}"));
    }
    assert!(
        GOOD.contains(from),
        "{from} is not in the good configuration"
    );
    Place::with_config(GOOD.replacen(from, to, 1))
}

#[test]
fn the_good_configuration_is_good() {
    assert_eq!(Place::with_config(GOOD).told(), "loaded");
}

#[test]
fn every_kind_of_broken_configuration_is_told_whole() {
    assert!(BROKEN.len() >= 30);
    for (name, from, to) in BROKEN {
        let told = broken(from, to).told();
        assert_ne!(told, "loaded", "{name}");
        assert!(!told.contains("hunter2"), "{name} shows a secret: {told}");
        insta::with_settings!({ description => *to, omit_expression => true, snapshot_path => "../snapshots/config", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(*name, told);
        });
    }
}

#[test]
fn a_list_beside_the_file_is_told_with_its_own_places() {
    let place =
        Place::with_config(GOOD.replace("creators = [", "file = \"creators.txt\"\ncreators = ["));
    place.write("creators.txt", "# ours\ncharli # the first\n\n@Khaby.Lame\n  not a name\r\nCHARLI\nPASSWORD=hunter2hunter2\n");
    let told = place.told();
    assert!(!told.contains("hunter2"), "{told}");
    insta::with_settings!({ omit_expression => true, snapshot_path => "../snapshots/config", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("watchlist_file", told);
    });
}

#[test]
fn files_that_are_no_text_are_refused_with_the_line() {
    let place =
        Place::with_config(GOOD.replace("creators = [", "file = \"creators.txt\"\ncreators = ["));
    place.write("creators.txt", b"charli\n\xff\xfe\n");
    let told = place.told();
    assert!(told.contains("line 2 is not UTF-8"), "{told}");
    let told = Place::with_config(b"[konbini]\napi_key = \"\xff\"\n").told();
    insta::with_settings!({ omit_expression => true, snapshot_path => "../snapshots/config", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("not_utf8", told);
    });
}

#[test]
fn a_good_list_and_secret_files_are_read_relative_to_the_configuration() {
    let text = GOOD
        .replace(
            "creators = [\"khaby.lame\", \"bellapoarch\"]",
            "file = \"creators.txt\"",
        )
        .replace("api_key = \"${KEY}\"", "api_key_file = \"key\"")
        .replace("secret = \"${SECRET}\"", "secret_file = \"secrets\"");
    let place = Place::with_config(text);
    place.write(
        "creators.txt",
        "\u{feff}# ours\r\nCharli # one\r\n\r\nhttps://www.tiktok.com/@khaby.lame?lang=en\r\n",
    );
    place.write("key", "knbn_from_a_file\n");
    place.write(
        "secrets",
        format!(
            "{}\n\nwhsec_bmV3ZXIgc2VjcmV0IG9mIDI0IGJ5dGVzIQ==\n",
            super::SECRET
        ),
    );
    let loaded = place.load().unwrap_or_else(|problems| panic!("{problems}"));
    let names: Vec<_> = loaded
        .config
        .creators
        .iter()
        .map(|c| c.username.as_str())
        .collect();
    assert_eq!(names, ["charli", "khaby.lame"]);
    assert_eq!(loaded.config.konbini.api_key.expose(), "knbn_from_a_file");
    assert_eq!(loaded.config.webhooks[0].secrets.len(), 2);
    let files: Vec<_> = loaded
        .files
        .iter()
        .filter_map(|path| path.file_name()?.to_str())
        .collect();
    assert_eq!(files, ["config.toml", "key", "secrets", "creators.txt"]);
}

#[test]
fn places_are_counted_in_characters_of_the_file_itself() {
    let place = Place::with_config(GOOD.replace(
        "\"bellapoarch\"",
        "{ note = \"naïve\", token = \"hunter2hunter2\", username = \"x\" }",
    ));
    let problems = place.load().unwrap_err();
    let line = GOOD
        .lines()
        .position(|line| line.starts_with("creators"))
        .unwrap()
        + 1;
    let place = |key: &str| {
        let problem = problems.problems.iter().find(|p| p.key == key);
        problem.unwrap().position
    };
    assert_eq!(place("watchlist.creators[1].token"), Some((line, 45)));
    assert_eq!(place("watchlist.creators[1].username"), Some((line, 82)));
    let told = problems.to_string();
    assert!(told.contains(&format!("config.toml:{line}:82")), "{told}");
}

#[test]
fn a_thousand_problems_are_counted_and_a_hundred_shown() {
    let names: Vec<_> = (0..1_000).map(|_| "\"?\"".to_owned()).collect();
    // A warning beside them is not counted among them.
    let text = GOOD.replace("${KEY}", "knbn_literal");
    let place = Place::with_config(text.replace("\"bellapoarch\"", &names.join(",")));
    let problems = place.load().unwrap_err();
    assert_eq!((problems.problems.len(), problems.left_out), (100, 900));
    assert!(
        problems.summary().contains("1000 problems"),
        "{}",
        problems.summary()
    );
}

#[test]
fn a_watchlist_of_a_hundred_thousand_is_read_and_its_problems_are_found_at_once() {
    let place =
        Place::with_config(GOOD.replace("creators = [", "file = \"creators.txt\"\ncreators = ["));
    let names: Vec<_> = (0..100_000).map(|n| format!("creator_{n}")).collect();
    let list = names.join("\n");
    place.write("creators.txt", &list);
    assert_eq!(place.load().unwrap().config.creators.len(), 100_002);
    place.write("creators.txt", list.replace('_', "-"));
    let problems = place.load().unwrap_err();
    assert_eq!(problems.left_out, 99_900);
}
