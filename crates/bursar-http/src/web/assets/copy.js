'use strict';
// Buttons that copy the field or the block they name. Without scripts they stay hidden, and the field can be selected.
for (const button of document.querySelectorAll('button[data-copies]')) {
  const field = document.getElementById(button.dataset.copies);
  if (!field) continue;
  button.hidden = false;
  button.addEventListener('click', async () => {
    if (field.select) field.select();
    else getSelection().selectAllChildren(field);
    try {
      await navigator.clipboard.writeText(field.value ?? field.textContent);
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'Selected: copy it now';
    }
  });
}
