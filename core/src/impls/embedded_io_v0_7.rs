//! Frames into a [`Write`] of [`embedded_io`].

use embedded_io::Write;

use crate::frame::Encoder;

impl Encoder<'_> {
    /// Writes the frame to a link: a UART, a USB serial port. Crate [`embedded_io`], feature
    /// `embedded-io`.
    ///
    /// It gives the link 64 bytes at once, which is a packet of USB, and waits until the link has
    /// taken all; not until they are out, for which there is [`flush`](Write::flush).
    ///
    /// ```
    /// # use jaegerling_core::frame::Writer;
    /// # use jaegerling_core::Clock;
    /// # struct Timer;
    /// # impl Clock for Timer {
    /// #     fn now(&self) -> u64 { 1_734 }
    /// #     fn unix_nanos(&self, ticks: u64) -> i64 { ticks as i64 * 1_000 }
    /// # }
    /// fn send<U: embedded_io::Write>(
    ///     uart: &mut U,
    ///     writer: &mut Writer,
    ///     datagram: &[u8],
    /// ) -> Result<(), U::Error> {
    ///     writer.datagram(&Timer, datagram).write_to(uart)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// The link's. What of the frame was written then is skipped by whoever receives it, and the next
    /// frame arrives.
    pub fn write_to<W: Write + ?Sized>(mut self, link: &mut W) -> Result<(), W::Error> {
        let mut buffer = [0; 64];
        while let Some(bytes) = self.next_bytes(&mut buffer) {
            link.write_all(bytes)?;
        }
        Ok(())
    }
}
