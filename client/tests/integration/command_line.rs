//! What the command line takes, and what it says to the rest.

use assert_cmd::Command;

use crate::DEADLINE;
use crate::client::PROGRAM;
use crate::server::Server;

fn program() -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_remove("CHATROOM_PASSWORD").timeout(DEADLINE);
    command
}

#[test]
fn a_bad_value_is_a_usage_error_that_says_the_rule() {
    let check = |flags: &[&str], rule: &str| {
        let output = program().args(flags).assert().code(2).get_output().clone();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(complaint.contains(rule), "{flags:?}: {complaint}");
        assert!(output.stdout.is_empty());
    };
    check(&["--name", "No:ya"], "a name cannot contain a colon");
    check(&["--name", ""], "a name has 1 to 32 characters, and this one has none");
    check(&["--join", "two"], "a group id is a decimal number such as 2");
    check(&["--password", &"x".repeat(129)], "a password has 1 to 128 bytes");
    check(&["--create", "--join", "2"], "cannot be used with");
    check(&["--connect", "localhost"], "an address is a host and a port");
    check(&["--connect-timeout", "soon"], "expected number");
    check(&["--nonsense"], "unexpected argument");
}

#[test]
fn the_password_may_come_from_the_environment_and_is_not_shown_in_the_help() {
    let server = Server::start();
    let running = std::thread::spawn({
        let address = server.address();
        move || {
            program()
                .args(["--connect", &address, "--name", "Eliana", "--join", "2"])
                .env("CHATROOM_PASSWORD", "hush")
                .assert()
        }
    });
    assert_eq!(server.accept().ask(), ["2", "Eliana", "hush", "1"]);
    running.join().unwrap();
    let help = program().arg("--help").env("CHATROOM_PASSWORD", "hush").assert().success();
    let help = String::from_utf8(help.get_output().stdout.clone()).unwrap();
    assert!(help.contains("CHATROOM_PASSWORD") && !help.contains("hush"), "{help}");
    assert!(help.contains("Exit status:"), "{help}");
}

#[test]
fn the_version_is_said() {
    let version = concat!("chatroom-client ", env!("CARGO_PKG_VERSION"), "\n");
    program().arg("--version").assert().success().stdout(version);
}
