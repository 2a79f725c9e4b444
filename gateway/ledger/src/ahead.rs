//! Reading a segment forward in large pieces: frames of one record would cost two system calls each.

use std::io;
use std::sync::Mutex;

use crate::state::lock;
use crate::storage::StorageFile;

const WINDOW_BYTES: usize = 1 << 20;

/// A file read through a window. What was read once may be stale: `forget` it before looking again.
pub(crate) struct Ahead<'f> {
    file: &'f dyn StorageFile,
    window: Mutex<Window>,
}

#[derive(Default)]
struct Window {
    from: u64,
    bytes: Vec<u8>,
}

impl<'f> Ahead<'f> {
    pub(crate) fn new(file: &'f dyn StorageFile) -> Self {
        Self { file, window: Mutex::default() }
    }

    pub(crate) fn forget(&self) {
        lock(&self.window).bytes.clear();
    }
}

impl Window {
    fn read(&self, buffer: &mut [u8], offset: u64) -> Option<usize> {
        let at = usize::try_from(offset.checked_sub(self.from)?).ok()?;
        let bytes = self.bytes.get(at..at.checked_add(buffer.len())?)?;
        buffer.copy_from_slice(bytes);
        Some(bytes.len())
    }
}

impl StorageFile for Ahead<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut window = lock(&self.window);
        if let Some(read) = window.read(buffer, offset) {
            return Ok(read);
        }
        if buffer.len() >= WINDOW_BYTES {
            return self.file.read_at(buffer, offset);
        }
        window.bytes.resize(WINDOW_BYTES, 0);
        let read = self.file.read_at(&mut window.bytes, offset)?;
        window.bytes.truncate(read);
        window.from = offset;
        let read = read.min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..read), window.bytes.get(..read)) {
            to.copy_from_slice(from);
        }
        Ok(read)
    }

    fn write_at(&self, _bytes: &[u8], _offset: u64) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}
