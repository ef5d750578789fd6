/** Logos for tests: harmless ones to look at, and one that would do everything an SVG can do to a page. */

export const SVG = Buffer.from(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect width="11" height="11" fill="#b4451f"/>' +
    '<rect x="13" width="11" height="11" fill="#4a7d1c"/><rect y="13" width="11" height="11" fill="#1d6fa5"/>' +
    '<rect x="13" y="13" width="11" height="11" fill="#b98b06"/></svg>',
)

export const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAADAAAAAwCAYAAABXAvmHAAAAx0lEQVR42u3asQ2AMAwEwPSsxCRMwYSs9tRIgMB+J7bj4mv+JCQSm7Zse4ucVo' +
    'Br8DGuAFBmGADkdAPAOKYAdAodgEGhADA4KgCcZE4AnOUXQPUwHOttLBA0wFNpMuYTwLw8E6EGSMsrEK+AruUZCDGAVV6I0AHY5QWIWwACATAv' +
    'wKq89DUqQAEKMBugvgOGgPBHiXkOc56P0+EvNCmulOEv9SnGKuEHWzUb9QIIP15PseBIsWJKs+RLsWZNs+hO86tB/a2iyQmtO27q1g0mUQAAAA' +
    'BJRU5ErkJggg==',
  'base64',
)

/** Runs a script, loads from `origin` in four ways, and sends the reader away. */
export function hostileSvg(origin: string): Buffer {
  return Buffer.from(`<?xml version="1.0"?>
<!-- Not what it seems. -->
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="fetch('${origin}/onload')">
<script>document.documentElement.setAttribute('data-ran', 'yes'); fetch('${origin}/script')</script>
<style>@import url(${origin}/style); rect { fill: url(${origin}/fill) }</style>
<image xlink:href="${origin}/image" width="9" height="9"/><rect width="9" height="9"/>
<foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" src="${origin}/frame"/></foreignObject></svg>`)
}
