fn main() -> std::process::ExitCode {
    fsync::porcelain::start()
}
