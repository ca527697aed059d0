// A market place: people list what they have, others make offers, and the owner accepts one or none. Amounts are
// integers, in whatever unit people agree on: this keeps the deals, not the money.

const TEXT_MAX = 1000
const PAGE = 50

exports.listings = 0
exports.offers = 0

/** Lists something for sale; returns the id of the listing. */
exports.list = async (title, price) => {
  if (typeof title !== 'string' || title === '' || title.length > TEXT_MAX) {
    fail('TITLE_INVALID', `a title has 1 to ${TEXT_MAX} characters`)
  }
  checkAmount(price)
  const id = ++exports.listings
  await save(listingPath(id), {
    id,
    owner: caller.id,
    title,
    price,
    status: 'open',
    offer: null
  })
  return id
}

/** Takes a listing of one's own off the market. */
exports.withdraw = async (id) => {
  const listing = await loadOpen(id)
  requireOwner(listing)
  await save(listingPath(id), { ...listing, status: 'withdrawn' })
}

/** Makes an offer for a listing of somebody else; returns the id of the offer. */
exports.offer = async (listingId, amount) => {
  const listing = await loadOpen(listingId)
  checkAmount(amount)
  if (listing.owner === caller.id) fail('OWN_LISTING', 'nobody buys from themselves')
  const id = ++exports.offers
  await save(offerPath(listingId, id), { id, buyer: caller.id, amount, status: 'open' })
  return id
}

/** Takes back an offer of one's own that was not accepted. */
exports.withdrawOffer = async (listingId, offerId) => {
  await loadOpen(listingId)
  const offer = await loadOpenOffer(listingId, offerId)
  if (offer.buyer !== caller.id) fail('NOT_BUYER', 'only who made the offer may take it back')
  await save(offerPath(listingId, offerId), { ...offer, status: 'withdrawn' })
}

/** Sells to an offer; returns the deal. */
exports.accept = async (listingId, offerId) => {
  const listing = await loadOpen(listingId)
  requireOwner(listing)
  const offer = await loadOpenOffer(listingId, offerId)
  await save(offerPath(listingId, offerId), { ...offer, status: 'accepted' })
  await save(listingPath(listingId), { ...listing, status: 'sold', offer: offerId })
  return { seller: listing.owner, buyer: offer.buyer, amount: offer.amount, time: env.time }
}

exports.getListing = async (id) => load(listingPath(id), 'LISTING_UNKNOWN', `listing ${id}`)

/** The next fifty listings behind the one with this id, whatever their status. */
exports.getListings = async (after = 0) => loadAll('/listings', after)

/** The next fifty offers for a listing behind the one with this id, whatever their status. */
exports.getOffers = async (listingId, after = 0) => {
  await exports.getListing(listingId)
  return loadAll(`/offers/${fileName(listingId)}`, after)
}

async function loadOpen(id) {
  const listing = await exports.getListing(id)
  if (listing.status !== 'open') fail('LISTING_CLOSED', `listing ${id} is ${listing.status}`)
  return listing
}

async function loadOpenOffer(listingId, offerId) {
  const path = offerPath(listingId, offerId)
  const offer = await load(path, 'OFFER_UNKNOWN', `offer ${offerId} for listing ${listingId}`)
  if (offer.status !== 'open') fail('OFFER_CLOSED', `offer ${offerId} is ${offer.status}`)
  return offer
}

function requireOwner(listing) {
  if (listing.owner !== caller.id) fail('NOT_OWNER', `listing ${listing.id} is not yours`)
}

function checkAmount(amount) {
  if (!Number.isSafeInteger(amount) || amount < 1) {
    fail('AMOUNT_INVALID', 'an amount is an integer from 1')
  }
}

async function load(path, code, what) {
  if (!(await state.exists(path))) fail(code, `there is no ${what}`)
  return JSON.parse(await state.readFile(path))
}

async function loadAll(directory, after) {
  const names = await state.readdir(directory, { gt: fileName(after), limit: PAGE })
  const texts = await Promise.all(names.map((name) => state.readFile(`${directory}/${name}`)))
  return texts.map((text) => JSON.parse(text))
}

async function save(path, object) {
  await state.writeFile(path, JSON.stringify(object))
}

function listingPath(id) {
  return `/listings/${fileName(id)}`
}

function offerPath(listingId, offerId) {
  return `/offers/${fileName(listingId)}/${fileName(offerId)}`
}

/** Of one length for all ids, since names are sorted as text. */
function fileName(id) {
  if (!Number.isSafeInteger(id) || id < 0) fail('ID_INVALID', 'an id is a number')
  return String(id).padStart(10, '0')
}

function fail(code, message) {
  throw Object.assign(new Error(message), { code })
}
