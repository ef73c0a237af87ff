import { PDFDocument, StandardFonts } from 'pdf-lib';

/** A real letter of a page or more: A4, 25 mm left margin, wrapped text. */
export async function letterPdf(title: string, paragraphs: readonly string[]): Promise<Buffer> {
  const pdf = await PDFDocument.create();
  pdf.setTitle(title);
  const font = await pdf.embedFont(StandardFonts.Helvetica);
  const bold = await pdf.embedFont(StandardFonts.HelveticaBold);
  const [width, height, margin, size] = [595, 842, 71, 11];
  let page = pdf.addPage([width, height]);
  let y = height - 130;
  page.drawText(title, { x: margin, y, size: 16, font: bold });
  y -= 34;
  for (const paragraph of paragraphs) {
    for (const line of wrap(paragraph, (text) => font.widthOfTextAtSize(text, size), width - 2 * margin)) {
      if (y < margin) {
        page = pdf.addPage([width, height]);
        y = height - margin;
      }
      page.drawText(line, { x: margin, y, size, font });
      y -= 16;
    }
    y -= 10;
  }
  return Buffer.from(await pdf.save());
}

function wrap(text: string, widthOf: (text: string) => number, most: number): string[] {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (widthOf(longer) > most) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}
