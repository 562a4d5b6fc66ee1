// What a person would trip over, found in the page as it is: run by page.evaluate, gives a list of texts.
() => {
	const wrong = [];
	const seen = node => node.checkVisibility({ visibilityProperty: true }) && node.getClientRects().length;
	const name = node => (node.getAttribute('aria-label') || [ ...(node.labels || []) ].map(label => label.textContent).join(' ') ||
		(node.getAttribute('aria-labelledby') || '').split(' ').map(id => (document.getElementById(id) || {}).textContent || '').join(' ') ||
		node.textContent).trim();

	for (const node of document.querySelectorAll('#view button, #view a[href], #view input, #view select, #view textarea, .modal button, .modal input, .modal textarea, [role="img"]'))
		if (seen(node) && !name(node))
			wrong.push('no name: ' + node.outerHTML.slice(0, 120));
	for (const table of document.querySelectorAll('#view .ipop-table'))
		if (!table.querySelector('caption') || [ ...table.querySelectorAll('th') ].some(cell => !cell.scope))
			wrong.push('a table without caption or scopes: ' + table.outerHTML.slice(0, 120));

	// WCAG 2.1, 1.4.3: 4.5 to 1, and 3 to 1 for large text; buttons and choices are the theme's
	const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
	const rgb = (colour, below) => {
		canvas.fillStyle = `rgb(${below.join(',')})`;
		canvas.fillRect(0, 0, 1, 1);
		canvas.fillStyle = colour;
		canvas.fillRect(0, 0, 1, 1);
		return [ ...canvas.getImageData(0, 0, 1, 1).data ].slice(0, 3);
	};
	const luminance = colour => colour.map(value => value / 255)
		.map(value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
		.reduce((sum, value, i) => sum + value * [ 0.2126, 0.7152, 0.0722 ][i], 0);
	const background = node => node ? rgb(getComputedStyle(node).backgroundColor, background(node.parentElement)) : [ 255, 255, 255 ];
	const walker = document.createTreeWalker(document.querySelector('.ipop'), NodeFilter.SHOW_TEXT);

	while (walker.nextNode()) {
		const node = walker.currentNode.parentElement;

		if (!walker.currentNode.textContent.trim() || !seen(node) || node.closest('.btn, .cbi-dropdown, option, .ipop-hidden'))
			continue;
		const style = getComputedStyle(node), behind = background(node);
		const front = rgb(node instanceof SVGElement ? style.fill : style.color, behind);
		const [ low, high ] = [ luminance(front), luminance(behind) ].sort((a, b) => a - b);
		const ratio = (high + 0.05) / (low + 0.05), size = parseFloat(style.fontSize);
		const least = size >= 24 || size >= 18.66 && style.fontWeight >= 600 ? 3 : 4.5;

		if (ratio < least - 0.02)
			wrong.push(`contrast ${ratio.toFixed(2)}: ${node.textContent.slice(0, 60)}`);
	}
	if (document.documentElement.scrollWidth > window.innerWidth)
		wrong.push(`wider than the window: ${document.documentElement.scrollWidth} > ${window.innerWidth}`);
	return wrong;
}
