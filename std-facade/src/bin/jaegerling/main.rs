//! The command line: `jaegerling listen` shows the traces that programs send, without a server;
//! `jaegerling bridge` brings those of a device to Jaeger.

mod bad;
mod bridge;
mod gallery;
mod inbox;
mod listen;
mod out;
mod pictures;
mod queue;
mod screen;
mod summary;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use bridge::Bridge;
use clap::{Args, Parser, Subcommand};
use pictures::Gathering;

/// Traces without a server, and traces of devices
#[derive(Parser)]
#[command(name = "jaegerling", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Listen(Listen),
    Bridge(Bridge),
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
    #[command(flatten)]
    gathering: Gathering,
}

fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Listen(options) => listen::run(&options),
        Command::Bridge(options) => bridge::run(&options),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("jaegerling: {error}");
            ExitCode::FAILURE
        }
    }
}
