// The smallest files that are what they say they are.
export const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
export const pngSize = Buffer.from(png, 'base64').length;

const pdfText = `%PDF-1.4
1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj
2 0 obj <</Type /Pages /Kids [3 0 R] /Count 1>> endobj
3 0 obj <</Type /Page /Parent 2 0 R /MediaBox [0 0 9 9]>> endobj
trailer <</Root 1 0 R>>
%%EOF
`;
export const pdf = Buffer.from(pdfText).toString('base64');
export const pdfSize = pdfText.length;

const wavHead = Buffer.alloc(44);
wavHead.write('RIFF', 0, 'latin1');
wavHead.writeUInt32LE(36, 4);
wavHead.write('WAVEfmt ', 8, 'latin1');
wavHead.writeUInt32LE(16, 16);
wavHead.writeUInt16LE(1, 20);
wavHead.writeUInt16LE(1, 22);
wavHead.writeUInt32LE(8000, 24);
wavHead.writeUInt32LE(8000, 28);
wavHead.writeUInt16LE(1, 32);
wavHead.writeUInt16LE(8, 34);
wavHead.write('data', 36, 'latin1');
/** No sound at all: one channel, 8 kHz, 8 bits. */
export const wav = wavHead.toString('base64');
