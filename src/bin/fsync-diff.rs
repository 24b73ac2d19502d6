//! `fsync-diff`.

fn main() -> std::process::ExitCode {
    fsync::cli::start::<fsync::cli::diff::Args>()
}
