/** What pages can do beside working without this: a build's state and log as they come, newer lists, fewer choices. */

const LINES_MAX = 5000

function followBuild(place) {
  const state = place.querySelector('[data-state]')
  const announce = place.querySelector('[data-announce]')
  const log = place.querySelector('[data-log]')
  const bar = place.querySelector('progress')
  const text = place.querySelector('[data-progress-text]')
  if (bar === null) return
  const labels = JSON.parse(place.dataset.labels)
  const source = new EventSource(`${place.dataset.build}?after=${log.dataset.last}`)
  let shown = ''
  source.addEventListener('state', (event) => {
    const build = JSON.parse(event.data)
    if (build.shownState !== shown) {
      if (shown !== '') announce.textContent = `The build is now: ${labels[build.shownState]}`
      shown = build.shownState
      state.textContent = labels[shown] ?? shown
      state.className = `state state-${shown}`
    }
    bar.value = build.percent
    text.textContent = build.progressText
  })
  source.addEventListener('log', (event) => {
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 24
    log.append(`${event.data}\n`)
    while (log.childNodes.length > LINES_MAX) log.firstChild.remove()
    if (atEnd) log.scrollTop = log.scrollHeight
  })
  source.addEventListener('end', () => {
    source.close()
    // The page of an ended build has the image, or what went wrong.
    location.reload()
  })
  log.scrollTop = log.scrollHeight
}

/** Replaces a list by a newer one, unless somebody is using it. */
function refresh(place) {
  const again = async () => {
    if (!document.hidden && !place.contains(document.activeElement) && String(getSelection()) === '') {
      try {
        const answer = await fetch(location.href, { headers: { accept: 'text/html' } })
        const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
        const newer = page.getElementById(place.id)
        if (answer.ok && newer !== null && newer.innerHTML !== place.innerHTML)
          place.replaceChildren(...newer.childNodes)
      } catch {
        // The farm may be starting anew; the next time tells.
      }
    }
    setTimeout(again, 3000)
  }
  setTimeout(again, 3000)
}

/** Options that do not go with the class that is chosen cannot be chosen. */
function narrow(form) {
  const imageClass = form.querySelector('select[name="class"]')
  if (imageClass === null) return
  const options = [...form.querySelectorAll('option[data-only]')]
  const apply = () => {
    for (const option of options) {
      const fits = imageClass.value === '' || option.dataset.only.split(' ').includes(imageClass.value)
      option.disabled = !fits
      option.hidden = !fits
      if (!fits && option.selected) {
        const other = [...option.parentElement.options].find((each) => !each.disabled)
        if (other !== undefined) other.selected = true
      }
    }
  }
  imageClass.addEventListener('change', apply)
  apply()
}

for (const place of document.querySelectorAll('[data-build]')) followBuild(place)
for (const place of document.querySelectorAll('[data-refresh]')) refresh(place)
for (const form of document.querySelectorAll('form.form')) narrow(form)
// What is wrong is the first thing to know; without this, autofocus does the same in most browsers.
document.querySelector('.problems[tabindex]')?.focus()
