//! The commands as processes: exit codes, and what goes to which stream.

use std::process::Command;

use super::{GOOD, Place};
use crate::program::{self, Ran};

fn tallylight() -> Command {
    let mut command = program::tallylight();
    command.env("KEY", "knbn_key").env("SECRET", super::SECRET);
    command
}

fn ran(command: &mut Command) -> Ran {
    Ran::of(command.output().unwrap())
}

fn check(text: &str) -> Ran {
    let place = Place::with_config(text);
    let mut ran = ran(tallylight().arg("check").arg("--config").arg(place.path()));
    ran.stderr = ran
        .stderr
        .replace(&super::shown(place.dir.path()), "/etc/tallylight");
    ran
}

#[test]
fn a_good_configuration_exits_0_and_forecasts_on_stdout_alone() {
    let ran = check(GOOD);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    insta::with_settings!({ omit_expression => true, snapshot_path => "../snapshots/config", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("check_fixed", ran.stdout);
    });
}

#[test]
fn a_learned_schedule_is_forecast_by_its_budget() {
    let ran = check(&format!("[budget]\ncredits_per_month = 25_000\n{GOOD}"));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    insta::with_settings!({ omit_expression => true, snapshot_path => "../snapshots/config", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("check_learned", ran.stdout);
    });
}

#[test]
fn a_budget_that_a_fixed_schedule_exceeds_is_warned_of_and_exits_0() {
    let ran = check(&format!(
        "[budget]\ncredits_per_month = 10_000\n[polling]\nschedule = \"fixed\"\n{GOOD}"
    ));
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.stderr
            .starts_with("warning: the fixed schedule needs about 17,"),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.contains("schedule: fixed"), "{}", ran.stdout);
    let ran = check(&format!(
        "[budget]\ncredits_per_month = 20_000\n[polling]\nschedule = \"fixed\"\n{GOOD}"
    ));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}

#[test]
fn warnings_go_to_stderr_and_the_forecast_still_comes() {
    let ran = check(&GOOD.replace("${KEY}", "knbn_literal"));
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.stderr.contains("is a secret written into the file"),
        "{}",
        ran.stderr
    );
    assert!(
        !ran.stderr.contains("literal") && !ran.stderr.contains('\u{1b}'),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stdout.contains("2 creators, 1 webhook"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_broken_configuration_exits_78_with_every_problem_on_stderr() {
    let ran = check(&GOOD.replace("id =", "jd =").replace("https", "http"));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(78), ""));
    assert_eq!(ran.stderr.matches("error:").count(), 3, "{}", ran.stderr);
    assert!(
        ran.stderr
            .ends_with("tallylight: the configuration has 3 problems\n"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_missing_configuration_exits_78_and_names_the_file() {
    let ran = ran(tallylight().args(["check", "--config", "/nonexistent/config.toml"]));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(78), ""));
    assert!(
        ran.stderr.contains("--> /nonexistent/config.toml"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("no such file"), "{}", ran.stderr);
}

#[test]
fn the_environment_names_the_configuration_and_the_option_wins() {
    let place = Place::with_config(GOOD);
    let mut command = tallylight();
    command.env("TALLYLIGHT_CONFIG", place.path()).arg("check");
    assert_eq!(ran(&mut command).code, Some(0));
    command.args(["--config", "/nonexistent"]);
    assert_eq!(ran(&mut command).code, Some(78));
}

#[test]
fn wrong_usage_exits_2() {
    for arguments in [
        &["chekc"][..],
        &[],
        &["check", "--oops"],
        &["completions", "cmd.exe"],
    ] {
        let ran = ran(tallylight().args(arguments));
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
        assert!(!ran.stderr.is_empty());
    }
}

#[test]
fn a_new_secret_is_one_line_that_a_configuration_accepts_and_never_the_same() {
    let [one, two] = [(); 2].map(|()| ran(tallylight().arg("secret")));
    assert_eq!((one.code, one.stderr.as_str()), (Some(0), ""));
    assert_eq!(one.stdout.lines().count(), 1);
    assert_ne!(one.stdout, two.stdout);
    let text = GOOD.replace("${SECRET}", one.stdout.trim_end());
    assert!(one.stdout.starts_with("whsec_"));
    assert_eq!(
        Place::with_config(text).load().unwrap().config.webhooks[0]
            .secrets
            .len(),
        1
    );
}

#[test]
fn completions_know_the_commands_of_each_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = ran(tallylight().args(["completions", shell]));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{shell}");
        assert!(ran.stdout.contains("completions"), "{shell}");
    }
}

#[test]
fn manual_pages_are_printed_or_written_one_for_each_command() {
    let page = ran(tallylight().arg("man"));
    assert_eq!((page.code, page.stderr.as_str()), (Some(0), ""));
    assert!(page.stdout.contains(".TH tallylight 1"), "{}", page.stdout);
    let dir = tempfile::tempdir().unwrap();
    let written = dir.path().join("man1");
    let ran = ran(tallylight().args(["man", "--dir"]).arg(&written));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
    for name in [
        "tallylight.1",
        "tallylight-check.1",
        "tallylight-man.1",
        "tallylight-secret.1",
    ] {
        assert!(written.join(name).is_file(), "{name}");
    }
}

#[test]
fn a_format_that_cannot_be_written_exits_78_at_the_check_and_at_the_start() {
    let place = Place::with_config(GOOD.replace(
        "secret =",
        "format = \"template\"\ntemplate = \"message.j2\"\nsecret =",
    ));
    let check = |template: &str, command: &str| {
        place.write("message.j2", template);
        ran(tallylight().arg(command).arg("--config").arg(place.path()))
    };
    let good = check("{\"text\": {{ data.creator.name }}}", "check");
    assert_eq!((good.code, good.stderr.as_str()), (Some(0), ""));
    for command in ["check", "run"] {
        let bad = check("{\"text\": {{ data.creator.nmae }}}", command);
        assert_eq!((bad.code, bad.stdout.as_str()), (Some(78), ""), "{command}");
        let expected = "error: webhook \"backend\" cannot write its format: the template fails in line 1: undefined value, for stream.started\n";
        assert!(bad.stderr.starts_with(expected), "{}", bad.stderr);
    }
}
