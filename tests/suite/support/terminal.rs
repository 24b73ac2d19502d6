//! A person at a terminal: what is typed, and what is seen.

use std::path::Path;

use serde_json::Value;

use super::sandbox::Sandbox;

/// What a terminal showed.
pub struct Screen {
    /// The exit code; negative for a signal.
    pub code: i64,
    /// All that was written to it.
    pub raw: String,
    /// What is left of that in the end.
    pub left: String,
}

impl Sandbox {
    /// Runs a shell's line at a terminal that is `columns` wide; `script` has what is waited for, and what is typed then.
    #[track_caller]
    pub fn terminal(&self, columns: u16, line: &str, script: &[(&str, &str)]) -> Screen {
        self.terminal_with(columns, line, script, &[])
    }

    /// The same with variables.
    #[track_caller]
    pub fn terminal_with(
        &self,
        columns: u16,
        line: &str,
        script: &[(&str, &str)],
        variables: &[(&str, &str)],
    ) -> Screen {
        // Programs of their own, in extra/, use this too.
        let mut tops = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let player = tops.find_map(|top| {
            let player = top.join("tests/suite/support/terminal.py");
            player.exists().then_some(player)
        });
        let player = player.expect("terminal.py");
        let player = player.to_str().expect("a path of text");
        let script = serde_json::to_string(script).expect("JSON");
        let output = self
            .plain("python3")
            .args([player, &columns.to_string(), "24", &script])
            .args(["sh", "-c", &format!("exec {line}")])
            .env("TERM", "xterm")
            .envs(variables.iter().copied())
            .output()
            .expect("python3");
        assert!(output.status.success(), "{output:?}");
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let text = |name: &str| told[name].as_str().expect("text").to_string();
        assert_eq!(told["untold"], 0, "not all was asked: {}", text("raw"));
        Screen {
            code: told["code"].as_i64().expect("a number"),
            raw: text("raw"),
            left: text("screen"),
        }
    }
}
