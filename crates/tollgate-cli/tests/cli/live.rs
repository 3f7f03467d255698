//! Commands that go on on a terminal, whose width changes.

use std::{
    fs::File,
    io::Read,
    process::{Child, Command},
};

use rustix::termios::{Winsize, tcsetwinsize};
use tollgate::Limit;

use crate::{
    stage::Stage,
    terminal::{attach, terminal},
};

/// A command on a terminal.
struct Live {
    child: Child,
    ours: File,
    /// Everything that the terminal was sent.
    sent: String,
}

impl Live {
    fn start(mut command: Command, columns: u16) -> Self {
        let (ours, theirs) = terminal(columns);
        attach(&mut command, &theirs);
        let child = command.spawn().unwrap();
        // The end comes when nobody has the terminal open.
        drop((command, theirs));
        Self {
            child,
            ours,
            sent: String::new(),
        }
    }

    fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.ours, size).unwrap();
    }

    /// Reads until the terminal was sent `text` `count` times since `from`. Returns how much it was
    /// sent in all. Panics if the command ends before that.
    fn until(&mut self, text: &str, count: usize, from: usize) -> usize {
        while self.sent[from..].matches(text).count() < count {
            assert!(self.read(), "{text}: {:?}", self.sent);
        }
        self.sent.len()
    }

    /// Reads a part. Returns `false` at the end.
    fn read(&mut self) -> bool {
        let mut part = [0; 4096];
        let Ok(length @ 1..) = self.ours.read(&mut part) else {
            return false;
        };
        // Everything that the tests print is ASCII.
        self.sent
            .extend(part[..length].iter().map(|byte| char::from(*byte)));
        true
    }

    /// Interrupts the command, and reads what it sends until its end. Returns its exit code.
    fn interrupt(&mut self) -> i32 {
        let mut kill = Command::new("kill");
        kill.args(["-INT", &self.child.id().to_string()]);
        assert!(kill.status().unwrap().success());
        while self.read() {}
        self.child.wait().unwrap().code().unwrap()
    }
}

async fn with_buckets() -> Stage {
    let stage = Stage::with_stack().await;
    let limiter = stage.limiter().await;
    for entity in ["user-1", "a-user-whose-name-is-longer-than-forty-columns"] {
        let acquire = limiter.acquire(entity, "api");
        let limits = [Limit::per_minute("rpm", 60), Limit::per_minute("tpm", 1000)];
        acquire.limits(limits).await.unwrap().commit();
    }
    limiter.shutdown().await;
    stage
}

/// Asserts that no line is wider than the terminal. The clearing of the screen ends a line, too.
fn assert_fits(sent: &str, columns: usize) {
    let sent = sent.replace("\r\n", "\n");
    for line in sent.replace("\u{1b}[H\u{1b}[2J", "\n").lines() {
        assert!(line.len() <= columns, "{columns}: {line:?} in {sent:?}");
        assert!(!line.contains('\u{1b}'), "{line:?}");
    }
}

/// Runs a command, whose screens begin with `begin`, on a terminal that shrinks.
fn shrinks(command: Command, begin: &str, wide: &str, narrow: &str) {
    let mut live = Live::start(command, 120);
    live.until(begin, 3, 0);
    assert!(live.sent.contains(wide), "{:?}", live.sent);
    let whole = live.sent.rfind(begin).unwrap();
    assert_fits(&live.sent[..whole], 120);
    let end = live.sent.len();
    live.resize(24, 40);
    // The screens before this one may be as wide as the terminal was.
    let end = live.until(narrow, 1, end);
    let end = live.until(begin, 1, end);
    let from = live.sent[..end].rfind(begin).unwrap();
    live.until(begin, 3, from);
    let code = live.interrupt();
    assert!(live.sent[from..].contains(narrow), "{:?}", live.sent);
    let sent = live.sent[from..].replace("\r\n", "\n");
    assert_fits(&sent, 40);
    // The cursor was never hidden, so it is there.
    assert!(!live.sent.contains("\u{1b}[?25l"), "{:?}", live.sent);
    assert_eq!(code, 0, "{sent:?}");
    assert!(sent.ends_with("\nInterrupted.\n"), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn top_fits_a_terminal_that_shrinks() {
    let stage = with_buckets().await;
    let command = stage.command("top --resource api --interval 100ms".split_whitespace());
    shrinks(
        command,
        "\u{1b}[H\u{1b}[2J",
        "| Entity ",
        "\nEntity: user-1\r\n",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_repeated_fits_a_terminal_that_shrinks() {
    let stage = with_buckets().await;
    let command = stage.command("bucket list -r api --watch=1".split_whitespace());
    shrinks(
        command,
        "Total: 2 shard(s)",
        "| Entity ",
        "\nEntity: user-1\r\n",
    );
    let command = stage.command("bucket show user-1 api --watch=1".split_whitespace());
    shrinks(
        command,
        "Shard 0 of 1: anchor",
        "| Shard ",
        "\nLimit: rpm\r\n",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn top_shows_the_hottest_buckets_that_a_low_terminal_has_room_for() {
    let stage = Stage::with_stack().await;
    let limiter = stage.limiter().await;
    for number in 0..12 {
        let acquire = limiter.acquire(format!("user-{number:02}"), "api");
        let limits = [Limit::per_minute("rpm", 60)];
        acquire.limits(limits).await.unwrap().commit();
    }
    limiter.shutdown().await;
    let command = stage.command("top -r api --interval 100ms --sort level".split_whitespace());
    let begin = "\u{1b}[H\u{1b}[2J";
    let mut live = Live::start(command, 120);
    live.resize(9, 120);
    // The first screens may be as high as the terminal was.
    let end = live.until(begin, 3, 0);
    let from = live.sent[..end].rfind(begin).unwrap();
    live.until(begin, 3, from);
    let screens: Vec<&str> = live.sent[from..].split(begin).collect();
    for screen in &screens[1..screens.len() - 1] {
        // A sentence, the header between two rules, four buckets.
        assert_eq!(screen.matches("\r\n").count(), 8, "{screen:?}");
        assert_eq!(screen.matches("| user-").count(), 4, "{screen:?}");
    }
    assert_eq!(live.interrupt(), 0);
    // The whole height is there again for the end.
    assert!(live.sent.ends_with("Interrupted.\r\n"), "{:?}", live.sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn top_of_the_stream_goes_on_while_its_terminal_shrinks() {
    let stage = Stage::with_stack().await;
    let limiter = stage.limiter().await;
    let command = stage.command("top --stream --interval 200ms".split_whitespace());
    let charges = tokio::spawn(async move {
        loop {
            let acquire = limiter.acquire("user-1", "api");
            let limits = [Limit::per_minute("rpm", 1_000_000)];
            acquire.limits(limits).await.unwrap().commit();
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    tokio::task::spawn_blocking(move || {
        shrinks(
            command,
            "\u{1b}[H\u{1b}[2J",
            "| user-1 ",
            "\nEntity: user-1\r\n",
        );
        drop(stage);
    })
    .await
    .unwrap();
    charges.abort();
}
