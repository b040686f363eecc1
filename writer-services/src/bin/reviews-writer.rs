//! The owner of stars and reviews.

fn main() -> std::process::ExitCode {
    service_runtime::program::main("reviews-writer", writer_services::run_reviews_writer)
}
