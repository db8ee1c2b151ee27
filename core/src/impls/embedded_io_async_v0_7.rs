//! Frames into a [`Write`] of [`embedded_io_async`].

use embedded_io_async::Write;

use crate::frame::Encoder;

impl Encoder<'_> {
    /// Writes the frame to a link that others work beside: a UART with DMA, a USB serial port. Crate
    /// [`embedded_io_async`], feature `embedded-io-async`.
    ///
    /// It gives the link 64 bytes at once, which is a packet of USB, and waits until the link has
    /// taken all; not until they are out, for which there is [`flush`](Write::flush). If the future is
    /// dropped before, it is as with an error.
    ///
    /// # Errors
    ///
    /// The link's. What of the frame was written then is skipped by whoever receives it, and the next
    /// frame arrives.
    pub async fn write_to_async<W: Write + ?Sized>(mut self, link: &mut W) -> Result<(), W::Error> {
        let mut buffer = [0; 64];
        while let Some(bytes) = self.next_bytes(&mut buffer) {
            link.write_all(bytes).await?;
        }
        Ok(())
    }
}
