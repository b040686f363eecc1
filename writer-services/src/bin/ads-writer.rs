//! The owner of advertising campaigns.

fn main() -> std::process::ExitCode {
    service_runtime::program::main("ads-writer", writer_services::run_ads_writer)
}
