//! The boards, whose programs the toolchain builds, and QEMU runs.

use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::image::Image;
use crate::instruction::Architecture;
use crate::toolchain::{Toolchain, or_skipped, said};

/// What is longer than this has hung.
const SECONDS: &str = "60";

/// A board that QEMU emulates.
pub(crate) struct Board {
    pub(crate) name: &'static str,
    target: &'static str,
    pub(crate) architecture: Architecture,
    /// What is built for it in `tests/firmware/device`.
    programs: &'static [&'static str],
    /// Of its tick counter.
    pub(crate) hz: u64,
    /// The emulator, and what makes it this board. The image comes behind it.
    qemu: &'static [&'static str],
    built: OnceLock<Option<PathBuf>>,
}

pub(crate) static LM3S6965EVB: Board = Board {
    name: "lm3s6965evb",
    target: "thumbv7m-none-eabi",
    architecture: Architecture::Arm,
    programs: &["app", "storm", "storm_lock_free", "wrap"],
    hz: 12_500_000,
    qemu: &["qemu-system-arm", "-machine", "lm3s6965evb"],
    built: OnceLock::new(),
};

pub(crate) static MICROBIT: Board = Board {
    name: "microbit",
    target: "thumbv6m-none-eabi",
    architecture: Architecture::Arm,
    // Without compare-and-swap.
    programs: &["app", "storm", "wrap"],
    hz: 16_000_000,
    qemu: &["qemu-system-arm", "-machine", "microbit"],
    built: OnceLock::new(),
};

pub(crate) static VIRT: Board = Board {
    name: "virt",
    target: "riscv32imac-unknown-none-elf",
    architecture: Architecture::RiscV,
    programs: &["app", "storm", "storm_lock_free", "utc", "wrap"],
    hz: 10_000_000,
    qemu: &["qemu-system-riscv32", "-machine", "virt", "-bios", "none"],
    built: OnceLock::new(),
};

impl Board {
    /// A program for it. `None`: something is missing here, and the test must return; that was said
    /// on standard error. Where `CI=true` this panics instead.
    pub(crate) fn program(&self, name: &str) -> Option<Image> {
        let built = self.built.get_or_init(|| {
            let bins = self.programs.iter().flat_map(|program| ["--bin", program]);
            self.build("tests/firmware/device", &bins.collect::<Vec<_>>())
        });
        Some(Image::read(&built.as_ref()?.join(name)))
    }

    /// Builds the programs of a folder, and says where they are. `None` as for a program.
    pub(crate) fn build(&self, device: &str, more: &[&str]) -> Option<PathBuf> {
        let toolchain = toolchain()?;
        let device = Path::new(env!("CARGO_MANIFEST_DIR")).join(device);
        let output = toolchain
            .build(&device, self.target, &folder())
            .args(more)
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .output()
            .expect("cargo runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", self.target);
        Some(folder().join(self.target).join("release"))
    }

    /// What the program sends until it ends, over its UART or by semihosting. Its time is counted in
    /// instructions, each of 2^`shift` nanoseconds, so that every run is the same.
    pub(crate) fn run(&self, image: &Image, shift: u32, more: &[&str]) -> Vec<u8> {
        let counted = ["-icount", &format!("shift={shift},sleep=off")];
        self.run_with(image, &[&counted, more].concat())
    }

    fn run_with(&self, image: &Image, more: &[&str]) -> Vec<u8> {
        // Into a file: unlike a pipe it is never full, which would make the program wait.
        let sent = self.scratch("out");
        let (mut emulator, file) = self.emulator(image, "stdio,id=out,mux=on");
        let run = emulator
            .args(["-semihosting-config", "enable=on,chardev=out"])
            .args(more)
            .stdout(File::create(&sent).unwrap())
            .stderr(Stdio::piped())
            .spawn();
        self.has_ended(run.expect("timeout, of coreutils, runs"));
        let bytes = fs::read(&sent).unwrap();
        for file in [file, sent] {
            let _ = fs::remove_file(file);
        }
        bytes
    }

    /// The emulator with a program, whose UART is a character device of QEMU with the id `out`; and the
    /// file of the image.
    pub(crate) fn emulator(&self, image: &Image, uart: &str) -> (Command, PathBuf) {
        let file = self.scratch("bin");
        image.save(&file);
        let place = match image.base() {
            0 => ["-kernel".into(), file.display().to_string()],
            base => [
                "-device".into(),
                format!("loader,file={},addr={base:#x},force-raw=on", file.display()),
            ],
        };
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=1", SECONDS])
            .args(self.qemu)
            .args(["-display", "none", "-monitor", "none"])
            .args(["-chardev", uart, "-serial", "chardev:out"])
            .args(place)
            .stdin(Stdio::null());
        (command, file)
    }

    /// Waits for a program's end.
    #[track_caller]
    pub(crate) fn has_ended(&self, emulator: Child) {
        let output = emulator.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{}: {}: {said}",
            self.name,
            output.status
        );
    }
}

impl Board {
    /// The same, and the address of each instruction that is executed, in order: of those in some
    /// places, or of all. With a `shift`, an instruction that reads a device's register may be listed
    /// twice: the emulator begins it again.
    pub(crate) fn trace(
        &self,
        image: &Image,
        shift: Option<u32>,
        places: &[Range<usize>],
    ) -> (Vec<u8>, Vec<usize>) {
        let log = self.scratch("log");
        let path = log.display().to_string();
        // Each instruction alone, with a line for each time that one is executed.
        let mut more = vec!["-singlestep", "-d", "exec,nochain", "-D", &path];
        let places = places.iter();
        let places: Vec<String> = places
            .map(|place| format!("{:#x}+{:#x}", place.start, place.len()))
            .collect();
        let places = places.join(",");
        if !places.is_empty() {
            more.extend(["-dfilter", &places]);
        }
        let sent = match shift {
            Some(shift) => self.run(image, shift, &more),
            None => self.run_with(image, &more),
        };
        let text = fs::read_to_string(&log).unwrap();
        let _ = fs::remove_file(log);
        // "Trace 0: 0x7f… [00800400/<address>/…] "
        let address = |line: &str| usize::from_str_radix(line.split('/').nth(1)?, 16).ok();
        (sent, text.lines().filter_map(address).collect())
    }

    /// A file that no other run has.
    pub(crate) fn scratch(&self, extension: &str) -> PathBuf {
        static FILES: AtomicU32 = AtomicU32::new(0);
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        folder().join(format!("{}.{process}.{number}.{extension}", self.name))
    }
}

fn toolchain() -> Option<&'static Toolchain> {
    static TOOLCHAIN: OnceLock<Result<Toolchain, String>> = OnceLock::new();
    or_skipped("firmware", TOOLCHAIN.get_or_init(find))
}

fn find() -> Result<Toolchain, String> {
    for (qemu, package) in [
        ("qemu-system-arm", "qemu-system-arm"),
        ("qemu-system-riscv32", "qemu-system-misc"),
    ] {
        said(Command::new(qemu).arg("--version"))
            .ok_or(format!("{qemu} is missing: apt install {package}"))?;
    }
    Toolchain::find()
}

/// Where firmware is built: beside cargo's own output.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("firmware")
}
