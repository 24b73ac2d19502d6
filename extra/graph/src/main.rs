//! The program `fsync-graph`.

fn main() -> std::process::ExitCode {
    fsync::cli::start::<fsync_graph::Args>()
}
