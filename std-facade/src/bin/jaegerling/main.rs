//! The command line: `jaegerling listen` shows the traces that programs send, without a server.

mod bad;
mod inbox;
mod listen;
mod out;
mod summary;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Traces without a server
#[derive(Parser)]
#[command(name = "jaegerling", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Listen(Listen),
}

/// Listen on UDP as Jaeger's agent does, and draw each trace that arrives
///
/// Reads what any Jaeger client sends in Thrift's compact protocol. Ctrl-C or SIGTERM ends it with a summary.
#[derive(Args)]
struct Listen {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:6831")]
    bind: SocketAddr,
    /// At the end, write the traces to FILE, as JSON that Jaeger's UI opens
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Draw a trace once its last span is so old: 1s, 250ms, 2m
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    idle: Duration,
    /// Keep at most so many spans in memory, at 2 KiB each on average; then the oldest traces go
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    max_spans: usize,
}

fn main() -> ExitCode {
    let Command::Listen(options) = Cli::parse().command;
    match listen::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("jaegerling: {error}");
            ExitCode::FAILURE
        }
    }
}
