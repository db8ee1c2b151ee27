//! The file of `--out`: there is the whole of it or nothing.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use jaegerling::json;
use jaegerling_core::collect::Trace;

/// A file that will be written at the end.
pub(crate) struct Out {
    path: PathBuf,
    /// In the same folder, so that renaming it to `path` replaces `path` at once.
    temporary: PathBuf,
}

impl Out {
    /// Finds out now, and not at the end, whether the file can be written.
    pub(crate) fn prepare(path: &Path) -> Result<Self, String> {
        let failed = |error: io::Error| format!("cannot write {}: {error}", path.display());
        let Some(name) = path.file_name() else {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        };
        if path.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{}.tmp", std::process::id()));
        let out = Self {
            path: path.into(),
            temporary: path.with_file_name(temporary),
        };
        out.create().map_err(failed)?;
        fs::remove_file(&out.temporary).map_err(failed)?;
        Ok(out)
    }

    /// Writes the file. If that fails, what was at its place before is still there.
    pub(crate) fn write<'a>(&self, traces: impl Iterator<Item = &'a Trace>) -> Result<(), String> {
        let written = self.create().and_then(|file| {
            json::write(traces, &file)?;
            file.sync_all()?;
            fs::rename(&self.temporary, &self.path)
        });
        written.map_err(|error| {
            // Best effort: the first error is the one to tell.
            let _ = fs::remove_file(&self.temporary);
            format!("cannot write {}: {error}", self.path.display())
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn create(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).open(&self.temporary)
    }
}
